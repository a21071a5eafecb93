/**
 * What the stored generations ask of a projection: its tables, and how changes become rows.
 */
import type { Queryable } from '#runtime';
import type { TableEffects } from './table.ts';

/** Changes folded in memory to their net effect: the last word on each row. */
export interface Fold<Change> {
  /** About how many characters it holds; what a rebuild bounds its memory by. */
  readonly weight: number;
  /** What it comes to, table by table. */
  readonly effects: readonly TableEffects[];
  add(changes: readonly Change[]): void;
}

export interface Plan<Change> {
  /** Also the schema of its views; lower-case letters. */
  readonly name: string;
  /** Raised when the same events give other rows or tables. */
  readonly version: number;
  /**
   * Statements that make the tables in a generation's schema, each with PRIMARY KEY (tenant_id, id); a
   * rebuild takes the keys away and makes them again when the rows are there.
   */
  tables(schema: string): readonly string[];
  /**
   * Statements for the indexes that only readers need: CREATE INDEX IF NOT EXISTS, as a rebuild that was
   * cut off runs them again. It runs them last, and several at a time.
   */
  indexes(schema: string): readonly string[];
  /** What readers see: view name → its SELECT. */
  views(schema: string): Readonly<Record<string, string>>;
  /**
   * All tables that changes are written to, and what a digest covers: → columns as SQL expressions. Keys
   * need not be named.
   */
  readonly digested: Readonly<Record<string, readonly string[]>>;
  fold(): Fold<Change>;
  /**
   * Side effects of what the live generation gained in (from, to], written in the same transaction.
   * Called with each live batch, and at promotion with what the generation before had not reached;
   * never for what is applied to one that is not live.
   */
  announce?(tx: Queryable, schema: string, from: number, to: number): Promise<void>;
}
