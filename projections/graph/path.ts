/**
 * A shortest path, found from both ends at once.
 *
 * Each round takes one whole step from the side with fewer entities at its edge. The first round that
 * reaches what the other side has seen closes a shortest path; of several, the one over the entity with
 * the smallest id, so that the same graph answers the same path.
 */
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
import { type Step, stepsFrom } from './step.ts';

export interface Path {
  /** Number of links. */
  readonly length: number;
  /** From one end to the other; one more than there are edges. */
  readonly nodes: readonly Entity[];
  readonly edges: readonly Relationship[];
}

/** What was reached from one end. */
class Side {
  /** How each entity was first reached; null for the end itself. */
  readonly reached: Map<string, Step | null>;
  frontier: readonly string[];
  depth = 0;

  constructor(end: string) {
    this.reached = new Map([[end, null]]);
    this.frontier = [end];
  }

  /** One step further. Answers where it led for the first time, in the order of ids. */
  async advance(tx: Queryable, tenantId: string): Promise<readonly string[]> {
    const limit = limits.pathVisitedMax + 1;
    const steps = await stepsFrom(tx, tenantId, this.frontier, { except: [], limit });
    const fresh = steps.filter(({ far }) => !this.reached.has(far));
    for (const step of fresh) this.reached.set(step.far, step);
    this.frontier = fresh.map(({ far }) => far);
    this.depth += 1;
    if (steps.length === limit) throw tooLarge();
    return this.frontier;
  }

  /** The steps from an entity back to this side's end. */
  back(from: string): readonly Step[] {
    const steps: Step[] = [];
    for (let step = this.reached.get(from); step; step = this.reached.get(step.near)) {
      steps.push(step);
    }
    return steps;
  }
}

export function shortestPath(
  store: ReadStore,
  tenantId: string,
  from: string,
  to: string,
): Promise<Path | null> {
  assertText('from', from);
  assertText('to', to);
  return inSnapshot(store, async (tx) => {
    const origin = await entityOf(tx, tenantId, from);
    if (from === to) return { length: 0, nodes: [origin], edges: [] };
    await entityOf(tx, tenantId, to);
    const [start, goal] = [new Side(from), new Side(to)];
    const meeting = await meet(tx, tenantId, start, goal);
    if (meeting === null) return null;
    const head = [...start.back(meeting)].reverse();
    const tail = goal.back(meeting);
    const ids = [from, ...head.map(({ far }) => far), ...tail.map(({ near }) => near)];
    const edgeIds = [...head, ...tail].map(({ edge }) => edge);
    return { length: edgeIds.length, ...(await described(tx, tenantId, ids, edgeIds)) };
  });
}

/** The entity where the two sides meet, or null. */
async function meet(
  tx: Queryable,
  tenantId: string,
  start: Side,
  goal: Side,
): Promise<string | null> {
  while (start.depth + goal.depth < limits.pathLengthMax) {
    const [near, other] =
      start.frontier.length <= goal.frontier.length ? [start, goal] : [goal, start];
    if (near.frontier.length === 0) return null;
    const fresh = await near.advance(tx, tenantId);
    const meeting = fresh.find((id) => other.reached.has(id));
    if (meeting !== undefined) return meeting;
    if (start.reached.size + goal.reached.size > limits.pathVisitedMax) throw tooLarge();
  }
  return null;
}

async function entityOf(tx: Queryable, tenantId: string, id: string): Promise<Entity> {
  const [row] = await tx.query<{ entity: Entity }>(
    `SELECT ${entityJson} AS entity FROM graph.node n WHERE n.tenant_id = $1 AND n.id = $2`,
    [tenantId, id],
  );
  if (row === undefined) throw notFound(id);
  return row.entity;
}

/** Ids as entities and relationships, in the same order. */
async function described(
  tx: Queryable,
  tenantId: string,
  ids: readonly string[],
  edgeIds: readonly string[],
): Promise<Pick<Path, 'nodes' | 'edges'>> {
  const nodes = await tx.query<{ entity: Entity }>(
    `SELECT ${entityJson} AS entity FROM unnest($2::text[]) WITH ORDINALITY AS wanted(id, place)
       JOIN graph.node n ON n.tenant_id = $1 AND n.id = wanted.id ORDER BY place`,
    [tenantId, ids],
  );
  const edges = await tx.query<{ relationship: Relationship }>(
    `SELECT ${relationshipJson} AS relationship
       FROM unnest($2::text[]) WITH ORDINALITY AS wanted(id, place)
       JOIN graph.edge e ON e.tenant_id = $1 AND e.id = wanted.id ORDER BY place`,
    [tenantId, edgeIds],
  );
  return {
    nodes: nodes.map(({ entity }) => entity),
    edges: edges.map(({ relationship }) => relationship),
  };
}

function tooLarge(): RuntimeError {
  return new RuntimeError(
    'QUERY_TOO_LARGE',
    `the search would visit more than ${limits.pathVisitedMax} entities`,
  );
}
