/** Everything within some links of an entity, breadth first. */
import { limits, type Queryable, type ReadStore, RuntimeError } from '#runtime';
import {
  assertText,
  type Entity,
  entityJson,
  inSnapshot,
  notFound,
  type Relationship,
  relationshipJson,
} from './answer.ts';
import { hiddenEnds, type Traced } from './hidden.ts';
import { stepsFrom } from './step.ts';

export interface Neighbourhood {
  readonly depth: number;
  /** Nearest first, the entity itself at distance 0; of one distance by id. */
  readonly nodes: readonly { readonly distance: number; readonly entity: Entity }[];
  /** The links among them. */
  readonly edges: readonly Relationship[];
  /** Whether nodes or edges were left out for their number. */
  readonly truncated: boolean;
}

interface Walked {
  readonly neighbourhood: Neighbourhood;
  /** The entities whose links were followed. */
  readonly followed: readonly string[];
  /** The first entity that was left out for their number, null where all are in it. */
  readonly leftOut: string | null;
}

/** In a snapshot. Throws NOT_FOUND, REQUEST_INVALID (the depth). */
export async function neighbourhoodOf(
  tx: Queryable,
  tenantId: string,
  id: string,
  depth: number,
): Promise<Walked> {
  assertText('id', id);
  assertDepth(depth);
  const { distances, followed, leftOut } = await walk(id, depth, (from, options) =>
    stepsFrom(tx, tenantId, from, options),
  );
  const ids = [...distances.keys()];
  const entities = await tx.query<{ entity: Entity }>(
    `SELECT ${entityJson} AS entity FROM graph.node n
      WHERE n.tenant_id = $1 AND n.id = ANY($2::text[]) ORDER BY n.id`,
    [tenantId, ids],
  );
  if (entities.length === 0) throw notFound(id);
  const edges = await tx.query<{ relationship: Relationship }>(
    `SELECT ${relationshipJson} AS relationship FROM graph.edge e
      WHERE e.tenant_id = $1 AND e.source_id = ANY($2::text[]) AND e.target_id = ANY($2::text[])
      ORDER BY e.since LIMIT $3`,
    [tenantId, ids, limits.neighbourhoodEdgesMax + 1],
  );
  const neighbourhood = {
    depth,
    nodes: entities
      .map(({ entity }) => ({ distance: distances.get(entity.id)!, entity }))
      .sort((a, b) => a.distance - b.distance),
    edges: edges.slice(0, limits.neighbourhoodEdgesMax).map(({ relationship }) => relationship),
    truncated: leftOut !== null || edges.length > limits.neighbourhoodEdgesMax,
  };
  return { neighbourhood, followed, leftOut };
}

/** With the entities that would change it by coming or going: at hidden edges, and the first left out. */
export function tracedNeighbourhood(
  store: ReadStore,
  tenantId: string,
  id: string,
  depth: number,
): Promise<Traced<Neighbourhood>> {
  return inSnapshot(store, async (tx) => {
    const { followed, leftOut, neighbourhood } = await neighbourhoodOf(tx, tenantId, id, depth);
    const hidden = await hiddenEnds(tx, tenantId, followed);
    return { answer: neighbourhood, unseen: leftOut === null ? hidden : [leftOut, ...hidden] };
  });
}

/** Throws REQUEST_INVALID. */
export function assertDepth(depth: number): void {
  if (Number.isInteger(depth) && depth >= 1 && depth <= limits.neighbourhoodDepthMax) return;
  const message = `depth must be a whole number from 1 to ${limits.neighbourhoodDepthMax}`;
  throw new RuntimeError('REQUEST_INVALID', message, { data: { depth } });
}

/** Where one step leads from any of some entities, as `stepsFrom` answers it. */
type Steps = (
  from: readonly string[],
  options: { readonly except: readonly string[]; readonly limit: number },
) => Promise<readonly { readonly far: string }[]>;

/**
 * Distances of what was reached, nearest first and of one distance by id; whose links were followed; and
 * the first that there was no room for.
 */
export async function walk(id: string, depth: number, stepsOf: Steps) {
  const distances = new Map([[id, 0]]);
  const followed: string[] = [];
  let frontier: readonly string[] = [id];
  for (let distance = 1; distance <= depth && frontier.length > 0; distance++) {
    const room = limits.neighbourhoodNodesMax - distances.size;
    const steps = await stepsOf(frontier, { except: [...distances.keys()], limit: room + 1 });
    followed.push(...frontier);
    frontier = steps.slice(0, room).map(({ far }) => far);
    for (const far of frontier) distances.set(far, distance);
    const more = steps[room];
    if (more !== undefined) return { distances, followed, leftOut: more.far };
  }
  return { distances, followed, leftOut: null };
}
