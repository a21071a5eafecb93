/**
 * One step of a walk over the graph, for searches that keep their own account of where they were.
 */
import type { Queryable } from '#runtime';

export interface Step extends Record<string, unknown> {
  /** Where the step leads. */
  readonly far: string;
  /** Where it comes from. */
  readonly near: string;
  /** The relationship that it goes over: of several, the oldest. */
  readonly edge: string;
}

/**
 * Where one step from any of `from` leads, in either direction: each entity once, in the order of
 * their ids, without those of `except`, at most `limit`.
 */
export function stepsFrom(
  queryable: Queryable,
  tenantId: string,
  from: readonly string[],
  options: { readonly except: readonly string[]; readonly limit: number },
): Promise<readonly Step[]> {
  return queryable.query<Step>(
    `SELECT DISTINCT ON (far) far, near, edge FROM (
       SELECT e.target_id AS far, e.source_id AS near, e.id AS edge, e.since
         FROM graph.edge e WHERE e.tenant_id = $1 AND e.source_id = ANY($2::text[])
       UNION ALL
       SELECT e.source_id, e.target_id, e.id, e.since
         FROM graph.edge e WHERE e.tenant_id = $1 AND e.target_id = ANY($2::text[])) step
      WHERE NOT far = ANY($3::text[])
      ORDER BY far, since LIMIT $4`,
    [tenantId, from, options.except, options.limit],
  );
}
