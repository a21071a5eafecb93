/**
 * What the stored generations ask of a projection: its tables, and how changes become rows.
 */
import type { Queryable } from '#runtime';

/**
 * Changes folded in memory to their net effect: the last word on each row. One fold is written once.
 */
export interface Fold<Change> {
  /** About how many characters it holds; what a rebuild bounds its memory by. */
  readonly weight: number;
  add(changes: readonly Change[]): void;
  /** Writes the net effect, in as many statements as it takes. */
  write(tx: Queryable, schema: string): Promise<void>;
}

export interface Plan<Change> {
  /** Also the schema of its views; lower-case letters. */
  readonly name: string;
  /** Raised when the same events give other rows or tables. */
  readonly version: number;
  /** Statements that make the tables in a generation's schema, each keyed (tenant_id, id). */
  tables(schema: string): readonly string[];
  /** Statements for the indexes that only readers need; a rebuild runs them last. */
  indexes(schema: string): readonly string[];
  /** What readers see: view name → its SELECT. */
  views(schema: string): Readonly<Record<string, string>>;
  /** What a digest covers: table → its columns as SQL expressions. Keys need not be named. */
  readonly digested: Readonly<Record<string, readonly string[]>>;
  fold(): Fold<Change>;
  /**
   * Side effects of what the live generation gained in (from, to], written in the same transaction.
   * Called with each live batch, and at promotion with what the generation before had not reached.
   */
  announce?(tx: Queryable, schema: string, from: number, to: number): Promise<void>;
}
