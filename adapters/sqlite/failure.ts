/**
 * What SQLite or the file system says went wrong, in the words of the catalogue.
 *
 * Plain values, without the frame behind them: the writer's thread loads this too, and they cross to
 * the main thread.
 */
import type { ErrorCode } from '#runtime';

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** A file that this version will not open. */
export class Refusal extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Primary result codes; extended ones carry them in their low byte. https://sqlite.org/rescode.html */
const byPrimaryCode: Readonly<Record<number, ErrorCode>> = {
  3: 'LOG_UNAVAILABLE', // PERM
  5: 'LOG_UNAVAILABLE', // BUSY: another process held the lock for longer than limits.logLockMs
  6: 'LOG_UNAVAILABLE', // LOCKED
  7: 'LOG_UNAVAILABLE', // NOMEM
  8: 'LOG_UNAVAILABLE', // READONLY
  10: 'LOG_UNAVAILABLE', // IOERR
  11: 'DATA_CORRUPT', // CORRUPT
  13: 'LOG_FULL', // FULL
  14: 'LOG_UNAVAILABLE', // CANTOPEN
  15: 'LOG_UNAVAILABLE', // PROTOCOL: locks raced
  26: 'DATA_CORRUPT', // NOTADB
};
const byExtendedCode: Readonly<Record<number, ErrorCode>> = {
  522: 'DATA_CORRUPT', // IOERR_SHORT_READ: the file ends too early
  778: 'LOG_FULL', // IOERR_WRITE: a quota or a file size limit
  4874: 'LOG_FULL', // IOERR_SHMSIZE: no room for the journal's index
  8458: 'DATA_CORRUPT', // IOERR_CORRUPTFS
};

const remedies: Partial<Record<ErrorCode, string>> = {
  DATA_CORRUPT: 'Restore it from a backup; `sqlite3 FILE .recover` shows what can still be read.',
  LOG_FULL: 'Free some space; appends go on by themselves.',
};

/** The failure behind an error, or null for one that is neither SQLite's nor a Refusal: a bug. */
export function failureOf(thrown: unknown, file: string): Failure | null {
  const code = codeOf(thrown);
  if (code === null) return null;
  const { message } = thrown as Error;
  const told = thrown instanceof Refusal ? message : `the event log ${file}: ${message}`;
  const remedy = remedies[code];
  return { code, message: remedy === undefined ? told : `${told}. ${remedy}` };
}

function codeOf(thrown: unknown): ErrorCode | null {
  if (thrown instanceof Refusal) return thrown.code;
  if (!(thrown instanceof Error) || !('errcode' in thrown)) return null;
  const extended = thrown.errcode as number;
  return byExtendedCode[extended] ?? byPrimaryCode[extended & 0xff] ?? null;
}
