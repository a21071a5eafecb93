/**
 * The thread in which PGlite runs: one statement a message, answered in order.
 *
 * A thread of its own, because PGlite computes: an index build would stop the event loop for seconds,
 * and a statement that does not end could be stopped by nobody. From outside, the thread can be ended
 * in mid-statement, which for the data is a `kill -9`.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite, type PGliteOptions } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import type { SqlValue } from '#runtime';
import { DurableFs, durableStartParams } from './durable-fs.ts';
import { scalarParsers } from './values.ts';

/** What the thread is started with. */
export interface ThreadData {
  /** Null for a database in memory. */
  readonly dataDir: string | null;
}

export interface ThreadRequest {
  readonly id: number;
  /** Null: close the database and end. */
  readonly sql: string | null;
  readonly params: readonly SqlValue[];
  /** What a COPY reads, as UTF-8. */
  readonly copied?: Uint8Array<ArrayBuffer>;
}

export interface ThreadFailure {
  readonly message: string;
  /** SQLSTATE; absent where PGlite itself failed, which it does not survive. */
  readonly code?: string;
  readonly severity?: string;
}

export type ThreadAnswer =
  | { readonly kind: 'opened' }
  /** It could not open; `output` is the end of what PostgreSQL said. */
  | { readonly kind: 'refused'; readonly message: string; readonly output: readonly string[] }
  | { readonly kind: 'rows'; readonly id: number; readonly rows: readonly object[] }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: ThreadFailure };

const outputLinesKept = 8;

/** WASI's ENOSPC; Emscripten's file errors have a number and no message. */
const noSpace = 51;

function failureFrom(thrown: unknown): ThreadFailure {
  const { message, code, severity, errno } = thrown as Partial<ThreadFailure> & { errno?: number };
  const inFiles = errno === noSpace ? 'No space left on device' : `file error ${errno}`;
  return {
    message: message ?? (errno === undefined ? String(thrown) : inFiles),
    ...(code !== undefined && { code }),
    ...(severity !== undefined && { severity }),
  };
}

const port = parentPort!;
const answer = (message: ThreadAnswer) => port.postMessage(message);
const { dataDir } = workerData as ThreadData;
const output: string[] = [];

const options: PGliteOptions = {
  extensions: { vector },
  parsers: scalarParsers as NonNullable<PGliteOptions['parsers']>,
  onStderr: (line) => {
    output.push(line);
    if (output.length > outputLinesKept) output.shift();
    return false;
  },
  ...(dataDir !== null && {
    dataDir,
    fs: new DurableFs(dataDir),
    startParams: durableStartParams,
  }),
};

async function serve(database: PGlite): Promise<void> {
  port.on('message', async ({ id, sql, params, copied }: ThreadRequest) => {
    try {
      if (sql === null) {
        await database.close();
        answer({ kind: 'rows', id, rows: [] });
        port.close();
        return;
      }
      const options = copied === undefined ? {} : { blob: new Blob([copied]) };
      const { rows } = await database.query<object>(sql, params as SqlValue[], options);
      answer({ kind: 'rows', id, rows });
    } catch (thrown) {
      answer({ kind: 'failed', id, failure: failureFrom(thrown) });
    }
  });
  answer({ kind: 'opened' });
}

try {
  await serve(await PGlite.create(options));
} catch (thrown) {
  answer({ kind: 'refused', message: failureFrom(thrown).message, output });
}
