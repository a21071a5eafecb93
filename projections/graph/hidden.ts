/**
 * Edges that are there and not shown: an end of theirs is gone, and they have not been told of it yet.
 *
 * When that end comes back before they are, they show again by no event of their own. So whoever keeps an
 * answer must know of them. They stand in the table of the live generation, which readers do not know;
 * its number is read in the snapshot that reads the rows, so that both are of one generation.
 */
import { limits, type Queryable, RuntimeError } from '#runtime';
import { type LiveGeneration, liveGenerationOf } from '../bookkeeping.ts';
import { schemaOf } from '../schema.ts';
import { graphProjection } from './projection.ts';

/** An answer, and the entities not in it that would change it by coming or going. */
export interface Traced<Answer> {
  readonly answer: Answer;
  readonly unseen: readonly string[];
}

/** The generation that a snapshot shows (`inSnapshot`). Throws READ_STORE_UNAVAILABLE. */
export async function liveGeneration(tx: Queryable): Promise<LiveGeneration> {
  const generation = await liveGenerationOf(tx, graphProjection.name);
  if (generation !== undefined) return generation;
  throw new RuntimeError('READ_STORE_UNAVAILABLE', 'the graph has no generation yet');
}

/** The table of all edges, hidden or not, that a snapshot shows. */
export async function liveEdges(tx: Queryable): Promise<string> {
  return edgesOf(await liveGeneration(tx));
}

export function edgesOf({ number }: Pick<LiveGeneration, 'number'>): string {
  return `${schemaOf(graphProjection, number)}.edge`;
}

/** The missing ends of edges of these entities, at most limits.cacheTagsMax. */
export async function hiddenEnds(
  tx: Queryable,
  tenantId: string,
  ids: readonly string[],
): Promise<readonly string[]> {
  const edges = await liveEdges(tx);
  const side = (near: string, far: string) =>
    `SELECT e.${far} AS id FROM ${edges} e
      WHERE e.tenant_id = $1 AND e.${near} = ANY($2::text[])
        AND NOT EXISTS (SELECT FROM graph.node n WHERE n.tenant_id = $1 AND n.id = e.${far})`;
  const rows = await tx.query<{ id: string }>(
    `${side('source_id', 'target_id')} UNION ${side('target_id', 'source_id')} LIMIT $3`,
    [tenantId, ids, limits.cacheTagsMax],
  );
  return rows.map(({ id }) => id);
}
