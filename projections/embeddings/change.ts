/** What the index remembers of an entity, and what happens to it. */
import type { Properties, RowChange } from '../effect.ts';

/** An entity as far as it bears text; a deleted one stays, without any. */
export interface DocumentRow {
  readonly tenantId: string;
  readonly id: string;
  /** Those of `textual` (text.ts) that it has. */
  readonly properties: Properties;
  readonly isDeleted: boolean;
  /** Of the last event that changed any of this. */
  readonly position: number;
  /** Of the first of such events that chunks may not have followed yet. */
  readonly since: number;
}

export type DocumentChange = RowChange<DocumentRow>;
