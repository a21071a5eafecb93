/** What one answer is made in: a snapshot of a tenant's graph and index. */
import type { Limits, Queryable } from '#runtime';
import { indexViews } from '../embeddings/plan.ts';
import type { IndexQueries } from '../embeddings/queries.ts';

/** Positions that the rows of each have come to, at least. */
export interface RowsAt {
  readonly graph: number;
  readonly index: number;
}

export interface Scope {
  readonly tx: Queryable;
  readonly tenantId: string;
  /** Null where embeddings are off. */
  readonly index: IndexQueries | null;
  readonly limits: Limits;
  readonly reached: RowsAt;
}

/** The views that a snapshot holds. */
export function viewsOf(index: IndexQueries | null): readonly string[] {
  const graph = ['graph.node', 'graph.edge'];
  return index === null ? graph : [...graph, ...indexViews];
}
