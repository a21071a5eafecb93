/**
 * A relational store in PostgreSQL's SQL: the same text runs on PGlite and on PostgreSQL.
 * Values go through parameters ($1 …), never into the text.
 */
export type SqlValue = string | number | boolean | null | Uint8Array | readonly SqlValue[];
export type Row = Readonly<Record<string, unknown>>;

export interface Queryable {
  /** One statement. Throws READ_STORE_UNAVAILABLE (retry) or INTERNAL (a mistake in the SQL). */
  query<R extends Row = Row>(sql: string, params?: readonly SqlValue[]): Promise<readonly R[]>;
}

export interface TransactionOptions {
  /** Lifts limits.statementTimeoutMs: for index builds, digests and drops, which take their time. */
  readonly isPatient?: boolean;
}

/** A named lock that is held. */
export interface StoreLock {
  release(): Promise<void>;
}

export interface ReadStore extends Queryable {
  /**
   * Fills a table: `target` is `schema.table (column, …)`, `lines` are rows in COPY's text format, each
   * ended by a line feed. All of them or none. Several calls may be under way at a time; PGlite takes
   * one after the other. Throws as `query` does; after READ_STORE_UNAVAILABLE the outcome is unknown.
   */
  copy(target: string, lines: string): Promise<void>;
  /**
   * Runs `work` in one transaction (read committed); rolled back when it throws. Not nested. After
   * READ_STORE_UNAVAILABLE the outcome is unknown: guard the work so that it can be repeated.
   */
  transaction<T>(work: (tx: Queryable) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /**
   * Takes a named lock that only one holder has at a time, over all processes that share the store;
   * null where it is taken, without waiting. Lost with this process or its connection.
   */
  lock(name: string): Promise<StoreLock | null>;
  /** Waits for what is under way; later calls throw SHUTTING_DOWN. */
  close(): Promise<void>;
}
