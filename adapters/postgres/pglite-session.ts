/**
 * One life of the PGlite thread, seen from outside: statements in, rows out.
 *
 *     opening → open → closed        `close`: PostgreSQL shuts down in order
 *        ╰────────┴─→ lost           it could not open, a statement took too long, PostgreSQL
 *                                    panicked, the thread died
 *
 * A lost session answers everything with the error it was lost by; the store opens the next one.
 */
import { Worker } from 'node:worker_threads';
import { type Row, RuntimeError, type SqlValue } from '#runtime';
import { failureOf } from './failure.ts';
import type { ThreadAnswer, ThreadData, ThreadRequest } from './pglite-thread.ts';

interface Waiting {
  readonly sql: string | null;
  readonly resolve: (rows: readonly Row[]) => void;
  readonly reject: (error: RuntimeError) => void;
}

/** Opening an existing folder takes 0.2 s, a recovery or a first start some seconds. */
const openMs = 60_000;

export class PgliteSession {
  readonly #worker: Worker;
  readonly #dataDir: string | null;
  readonly #opening = Promise.withResolvers<void>();
  readonly #ending = Promise.withResolvers<void>();
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #lost: RuntimeError | null = null;

  private constructor(dataDir: string | null) {
    const workerData: ThreadData = { dataDir };
    this.#dataDir = dataDir;
    const thread = new URL('./pglite-thread.ts', import.meta.url);
    // Node's flags for the main script, such as --input-type, are not for the thread.
    this.#worker = new Worker(thread, { workerData, execArgv: [] });
    this.#worker.on('message', (answer: ThreadAnswer) => this.#onAnswer(answer));
    this.#worker.on('error', (error) => this.#lose(lost(error.message)));
    this.#worker.on('exit', () => {
      this.#lose(lost('its thread ended'));
      this.#ending.resolve();
    });
  }

  /**
   * Opens a folder (made with a new database where it is absent), or a database in memory. Rejects
   * with DATA_CORRUPT, or with READ_STORE_UNAVAILABLE where the disk or the memory is full.
   */
  static async open(dataDir: string | null): Promise<PgliteSession> {
    const session = new PgliteSession(dataDir);
    const timer = setTimeout(
      () => session.#kill(refusal(dataDir, `it did not open within ${openMs} ms`, [])),
      openMs,
    );
    try {
      await session.#opening.promise;
      return session;
    } catch (thrown) {
      await session.ended;
      throw thrown;
    } finally {
      clearTimeout(timer);
    }
  }

  get isLost(): boolean {
    return this.#lost !== null;
  }

  /** Resolves when the thread has ended and no longer touches the folder. */
  get ended(): Promise<void> {
    return this.#ending.promise;
  }

  /** One statement. Where it takes longer than `timeoutMs` (null: any time) the session is lost. */
  async query(
    sql: string,
    params: readonly SqlValue[],
    timeoutMs: number | null,
  ): Promise<readonly Row[]> {
    return this.#inTime(timeoutMs, () => this.#send(sql, params));
  }

  /** A COPY from `/dev/blob`, which is what PGlite calls the text that comes along. */
  async copy(sql: string, text: string, timeoutMs: number): Promise<void> {
    const copied = new TextEncoder().encode(text);
    await this.#inTime(timeoutMs, () => this.#send(sql, [], copied));
  }

  async #inTime<T>(timeoutMs: number | null, work: () => Promise<T>): Promise<T> {
    if (timeoutMs === null) return work();
    const late = () => this.kill(`a statement took longer than ${timeoutMs} ms`);
    const timer = setTimeout(late, timeoutMs);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Shuts PostgreSQL down and ends the thread. */
  async close(): Promise<void> {
    if (this.#lost === null) await this.#send(null, []);
    await this.ended;
  }

  /** Ends the thread at once; what it was doing is rolled back at the next opening. */
  kill(reason: string): void {
    this.#kill(lost(reason));
  }

  #kill(error: RuntimeError): void {
    this.#lose(error);
    // `ended` tells when it is done.
    void this.#worker.terminate();
  }

  #send(
    sql: string | null,
    params: readonly SqlValue[],
    copied?: Uint8Array<ArrayBuffer>,
  ): Promise<readonly Row[]> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    const id = ++this.#lastId;
    const answered = new Promise<readonly Row[]>((resolve, reject) => {
      this.#waiting.set(id, { sql, resolve, reject });
    });
    const request: ThreadRequest = { id, sql, params, ...(copied !== undefined && { copied }) };
    this.#worker.postMessage(request, copied === undefined ? [] : [copied.buffer]);
    return answered;
  }

  #onAnswer(answer: ThreadAnswer): void {
    if (answer.kind === 'opened') this.#opening.resolve();
    else if (answer.kind === 'refused') {
      this.#kill(refusal(this.#dataDir, answer.message, answer.output));
    } else this.#settle(answer);
  }

  #settle(answer: Extract<ThreadAnswer, { readonly id: number }>): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    if (answer.kind === 'rows') {
      waiting.resolve(answer.rows as readonly Row[]);
      return;
    }
    const { failure } = answer;
    waiting.reject(failureOf(failure, waiting.sql ?? undefined));
    if (isFatal(failure.severity)) this.kill(failure.message);
  }

  #lose(error: RuntimeError): void {
    this.#lost ??= error;
    this.#opening.reject(this.#lost);
    for (const { reject } of this.#waiting.values()) reject(this.#lost);
    this.#waiting.clear();
  }
}

/** After these PostgreSQL's memory is not to be trusted, and PGlite would spin for ever. */
function isFatal(severity: string | undefined): boolean {
  return severity === 'PANIC' || severity === 'FATAL';
}

function lost(reason: string): RuntimeError {
  return new RuntimeError('READ_STORE_UNAVAILABLE', `PGlite was lost: ${reason}`);
}

const isFull = /No space left|ENOSPC|out of memory|Cannot allocate/i;

function refusal(folder: string | null, message: string, output: readonly string[]): RuntimeError {
  const said = [message, ...output].join(' | ');
  const options = { data: { folder, output } };
  if (folder === null || isFull.test(said)) {
    return new RuntimeError('READ_STORE_UNAVAILABLE', `PGlite can't open: ${said}`, options);
  }
  const remedy = 'It holds only projections of the log: delete it and start again to rebuild them.';
  return new RuntimeError('DATA_CORRUPT', `can't open ${folder}. ${remedy} (${said})`, options);
}
