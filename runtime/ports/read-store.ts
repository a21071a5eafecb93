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

export interface ReadStore extends Queryable {
  /** Runs `work` in one transaction; rolled back when it throws. Not nested. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
