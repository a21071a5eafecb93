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

export function neighbourhoodOf(
  store: ReadStore,
  tenantId: string,
  id: string,
  depth: number,
): Promise<Neighbourhood> {
  assertText('id', id);
  if (!Number.isInteger(depth) || depth < 1 || depth > limits.neighbourhoodDepthMax) {
    const message = `depth must be a whole number from 1 to ${limits.neighbourhoodDepthMax}`;
    throw new RuntimeError('REQUEST_INVALID', message, { data: { depth } });
  }
  return inSnapshot(store, async (tx) => {
    const { distances, isCut } = await walk(tx, tenantId, id, depth);
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
    const nodes = entities
      .map(({ entity }) => ({ distance: distances.get(entity.id)!, entity }))
      .sort((a, b) => a.distance - b.distance);
    return {
      depth,
      nodes,
      edges: edges.slice(0, limits.neighbourhoodEdgesMax).map(({ relationship }) => relationship),
      truncated: isCut || edges.length > limits.neighbourhoodEdgesMax,
    };
  });
}

/** Distances of what was reached, and whether there was more. */
async function walk(tx: Queryable, tenantId: string, id: string, depth: number) {
  const distances = new Map([[id, 0]]);
  let frontier: readonly string[] = [id];
  for (let distance = 1; distance <= depth && frontier.length > 0; distance++) {
    const room = limits.neighbourhoodNodesMax - distances.size;
    const steps = await stepsFrom(tx, tenantId, frontier, {
      except: [...distances.keys()],
      limit: room + 1,
    });
    frontier = steps.slice(0, room).map(({ far }) => far);
    for (const far of frontier) distances.set(far, distance);
    if (steps.length > room) return { distances, isCut: true };
  }
  return { distances, isCut: false };
}
