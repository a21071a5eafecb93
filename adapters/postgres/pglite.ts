/**
 * The embedded read store: PostgreSQL in WebAssembly, in one folder, on a thread of its own.
 *
 * PGlite has one connection, so work waits in line: a statement or a whole transaction at a time, in
 * order of arrival, limits.readsWaitingMax at most. A session that is lost (see pglite-session.ts) is
 * replaced by the next call; a database in memory is gone with it and stays gone.
 */
import {
  limits,
  type Queryable,
  type ReadStore,
  type Row,
  type SqlValue,
  type StoreLock,
  type TransactionOptions,
} from '#runtime';
import { ensureDatabase, type FolderLock, lockFolder } from './data-folder.ts';
import { closedStore, saturatedStore } from './failure.ts';
import { PgliteSession } from './pglite-session.ts';
import { transact } from './transact.ts';
import { isUpkeepDue, upkeep } from './upkeep.ts';

export interface PgliteOptions {
  /** The folder; its parents are made. Absent: in memory, for tests. */
  readonly dataDir?: string;
  readonly statementTimeoutMs?: number;
}

/**
 * Opens the embedded read store: 0.3 s for an existing folder, 3 s for a new one.
 *
 * Rejects with DATA_FOLDER_IN_USE at once where another process has the folder, with DATA_CORRUPT where
 * PostgreSQL can't open it, with READ_STORE_UNAVAILABLE where its disk is full.
 */
export async function openPglite(options: PgliteOptions): Promise<ReadStore> {
  const statementTimeoutMs = options.statementTimeoutMs ?? limits.statementTimeoutMs;
  const { dataDir } = options;
  if (dataDir === undefined) {
    return new PgliteStore(await PgliteSession.open(null), null, null, statementTimeoutMs);
  }
  const folder = lockFolder(dataDir);
  try {
    await ensureDatabase(dataDir, async (unfinished) => {
      const session = await PgliteSession.open(unfinished);
      await session.close();
    });
    const session = await PgliteSession.open(dataDir);
    return new PgliteStore(session, dataDir, folder, statementTimeoutMs);
  } catch (thrown) {
    folder.release();
    throw thrown;
  }
}

class PgliteStore implements ReadStore {
  readonly #dataDir: string | null;
  readonly #folder: FolderLock | null;
  readonly #statementTimeoutMs: number;
  readonly #locks = new Set<string>();
  #session: PgliteSession;
  /** The end of the line. Never rejects. */
  #line: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #units = 0;
  #isClosed = false;

  constructor(
    session: PgliteSession,
    dataDir: string | null,
    folder: FolderLock | null,
    statementTimeoutMs: number,
  ) {
    this.#session = session;
    this.#dataDir = dataDir;
    this.#folder = folder;
    this.#statementTimeoutMs = statementTimeoutMs;
  }

  query<R extends Row>(sql: string, params: readonly SqlValue[] = []): Promise<readonly R[]> {
    return this.#inLine(async (session) => {
      const rows = await session.query(sql, params, this.#statementTimeoutMs);
      return rows as readonly R[];
    });
  }

  transaction<T>(
    work: (tx: Queryable) => Promise<T>,
    { isPatient = false }: TransactionOptions = {},
  ): Promise<T> {
    const timeoutMs = isPatient ? null : this.#statementTimeoutMs;
    return this.#inLine((session) =>
      transact(
        (sql, params) => session.query(sql, params, timeoutMs),
        work,
        () => session.kill('a transaction could not be rolled back'),
      ),
    );
  }

  copy(target: string, lines: string): Promise<void> {
    const sql = `COPY ${target} FROM '/dev/blob'`;
    return this.#inLine((session) => session.copy(sql, lines, this.#statementTimeoutMs));
  }

  /** The folder is this process's alone, so its locks are too. */
  async lock(name: string): Promise<StoreLock | null> {
    if (this.#isClosed) throw closedStore();
    if (this.#locks.has(name)) return null;
    this.#locks.add(name);
    return {
      release: async () => {
        this.#locks.delete(name);
      },
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#line;
    try {
      await this.#session.close();
    } finally {
      this.#folder?.release();
    }
  }

  #inLine<T>(work: (session: PgliteSession) => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(closedStore());
    if (this.#waiting >= limits.readsWaitingMax)
      return Promise.reject(saturatedStore(this.#waiting));
    this.#waiting += 1;
    const result = this.#line.then(async () => {
      const session = await this.#usableSession();
      return work(session);
    });
    this.#line = result.then(
      () => this.#afterUnit(true),
      () => this.#afterUnit(false),
    );
    return result;
  }

  async #usableSession(): Promise<PgliteSession> {
    if (this.#session.isLost && this.#dataDir !== null) {
      await this.#session.ended;
      this.#session = await PgliteSession.open(this.#dataDir);
    }
    return this.#session;
  }

  async #afterUnit(isDone: boolean): Promise<void> {
    this.#waiting -= 1;
    this.#units += 1;
    if (!isDone || this.#isClosed || !isUpkeepDue(this.#units)) return;
    try {
      await upkeep((sql) => this.#session.query(sql, [], null));
    } catch {
      // Upkeep that failed costs speed, not rows; a lost session shows at the next call.
    }
  }
}
