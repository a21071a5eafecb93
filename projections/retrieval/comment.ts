/**
 * Comments are entities of their own, and readers look for what they stand on: an issue, a page. So a
 * comment that is found counts for its container, and a filter asks about the container. One whose
 * container is not there stands for itself.
 */
import type { Scope } from './scope.ts';

/** Whether row `n` is a comment. */
export const isComment = (n: string) =>
  `(${n}.type = 'DOCUMENT' AND ${n}.properties->>'kind' = 'comment')`;

/** Whether edge `e` leads from something to what contains it. */
const isContainer = `e.properties->>'role' = 'container'`;

/** What each of some entities stands for, mostly itself; what is not in the graph is not in the answer. */
export async function standings(
  { tx, tenantId }: Scope,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await tx.query<{ id: string; container: string | null }>(
    `SELECT n.id, CASE WHEN ${isComment('n')} THEN
              (SELECT e.target_id FROM graph.edge e
                WHERE e.tenant_id = n.tenant_id AND e.source_id = n.id AND ${isContainer}
                ORDER BY e.since LIMIT 1) END AS container
       FROM graph.node n WHERE n.tenant_id = $1 AND n.id = ANY($2::text[])`,
    [tenantId, ids],
  );
  return new Map(rows.map(({ id, container }) => [id, container ?? id]));
}

/** The comments on some entities. */
export async function commentsOn(
  { tx, tenantId }: Scope,
  ids: readonly string[],
  limit: number,
): Promise<readonly string[]> {
  const rows = await tx.query<{ id: string }>(
    `SELECT DISTINCT n.id
       FROM graph.edge e JOIN graph.node n ON n.tenant_id = e.tenant_id AND n.id = e.source_id
      WHERE e.tenant_id = $1 AND e.target_id = ANY($2::text[]) AND ${isContainer}
        AND ${isComment('n')} LIMIT $3`,
    [tenantId, ids, limit],
  );
  return rows.map(({ id }) => id);
}

/** Of row `n`: whether what it stands for holds a predicate, given of any row. */
export function ofStanding(holds: (row: string) => string): string {
  return `CASE WHEN ${isComment('n')} THEN coalesce(
      (SELECT (${holds('c')}) IS TRUE FROM graph.edge e
         JOIN graph.node c ON c.tenant_id = e.tenant_id AND c.id = e.target_id
        WHERE e.tenant_id = n.tenant_id AND e.source_id = n.id AND ${isContainer}
        ORDER BY e.since LIMIT 1),
      ${holds('n')}) ELSE ${holds('n')} END`;
}
