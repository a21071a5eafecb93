/**
 * The relationships of an entity at a position of the log.
 *
 * The graph knows those of now. What it was before follows from what happened since: a relationship that
 * was created since was not there, one that was updated or removed since was, and of the rest the graph
 * is right. So only what the feed will read anyway is read, once more.
 */
import { type Log, limits, type ReadStore } from '#runtime';
import { inSnapshot } from '../graph/answer.ts';
import { edgesOf, liveGeneration } from '../graph/hidden.ts';
import { otherEnd, tooManyNeighbours } from './filter.ts';
import { Narrator } from './narrator.ts';
import { notifiedEvents } from './notification.ts';

/** Relationship id → the entity at its other end. */
export type Neighbours = ReadonlyMap<string, string>;

export interface NeighboursAt {
  readonly neighbours: Neighbours;
  readonly position: number;
}

/**
 * The neighbours at `position`, or at one as late as the graph is where none is given. The graph's rows
 * must have reached the position. Throws QUERY_TOO_LARGE above limits.feedNeighboursMax, or while
 * unwinding; READ_STORE_UNAVAILABLE, LOG_UNAVAILABLE.
 */
export async function neighboursAt(
  { store, log }: { readonly store: ReadStore; readonly log: Log },
  tenantId: string,
  entityId: string,
  position: number | undefined,
): Promise<NeighboursAt> {
  const now = await neighboursNow(store, tenantId, entityId);
  if (position === undefined || position >= now.position) {
    return { neighbours: now.neighbours, position: position ?? now.position };
  }
  const neighbours = new Map(now.neighbours);
  const touched = new Set<string>();
  const narrator = new Narrator(log);
  for (let after = position; after < now.position; ) {
    const limit = limits.feedPageEvents;
    const page = await log.readAll({ after, filter: notifiedEvents, limit });
    const events = page.filter((event) => event.position <= now.position);
    for (const notification of await narrator.tell(events)) {
      if (notification.tenantId !== tenantId) continue;
      const other = otherEnd(notification, entityId);
      if (other === null || notification.messageType === 'ENTITY_CHANGED') continue;
      const { relationshipId } = notification.payload;
      if (touched.has(relationshipId)) continue;
      if (touched.size >= limits.feedNeighboursMax) throw tooManyNeighbours(entityId);
      touched.add(relationshipId);
      neighbours.delete(relationshipId);
      if (notification.change !== 'created') neighbours.set(relationshipId, other);
    }
    after = page.length < limit ? now.position : page.at(-1)!.position;
  }
  if (neighbours.size > limits.feedNeighboursMax) throw tooManyNeighbours(entityId);
  return { neighbours, position };
}

interface Edge extends Record<string, unknown> {
  readonly id: string;
  readonly other: string;
}

/**
 * Those that the graph holds, with its position. Of all its edges: what readers see leaves out those of
 * which an end is gone and which have not been told of it yet.
 */
function neighboursNow(
  store: ReadStore,
  tenantId: string,
  entityId: string,
): Promise<NeighboursAt> {
  return inSnapshot(store, async (tx) => {
    const generation = await liveGeneration(tx);
    const table = edgesOf(generation);
    const edges = await tx.query<Edge>(
      `SELECT id, target_id AS other FROM ${table} WHERE tenant_id = $1 AND source_id = $2
       UNION
       SELECT id, source_id FROM ${table} WHERE tenant_id = $1 AND target_id = $2 LIMIT $3`,
      [tenantId, entityId, limits.feedNeighboursMax + 1],
    );
    if (edges.length > limits.feedNeighboursMax) throw tooManyNeighbours(entityId);
    const neighbours = new Map(edges.map(({ id, other }) => [id, other]));
    return { neighbours, position: generation.position };
  });
}
