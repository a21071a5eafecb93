/** What the command line says when it can't do what it was asked: what is wrong, and what to do. */
export class Complaint extends Error {
  readonly hint: string | null;
  /** Of the error catalogue, where a node said so. */
  readonly code: string | null;

  constructor(message: string, options: { hint?: string; code?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'Complaint';
    this.hint = options.hint ?? null;
    this.code = options.code ?? null;
  }
}

/** On stderr: one JSON object for programs, lines for people. */
export function complain(thrown: unknown, isJson: boolean): void {
  const { message, hint, code } = complaintOf(thrown);
  if (isJson) {
    process.stderr.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
    return;
  }
  const head = code === null ? 'cognisync' : `cognisync: ${code}`;
  process.stderr.write(`${head}: ${message}\n${hint === null ? '' : `${hint}\n`}`);
}

function complaintOf(thrown: unknown): Pick<Complaint, 'message' | 'hint' | 'code'> {
  if (thrown instanceof Complaint) return thrown;
  const error = thrown as { message?: string; code?: string };
  return { message: error.message ?? String(thrown), hint: null, code: error.code ?? null };
}
