/**
 * From the hits along their edges to what has the answer without having its words: the person that an
 * issue is assigned to, the page that it depends on.
 *
 * A neighbour is worth half of the best that leads to it, less where the edge is weak or unsure; so the
 * neighbours of the best hits stand before hits that are hardly any. The best one alone counts: a project
 * that contains all hits is no better an answer than what contains one. A hit that others lead to is worth no
 * less than a neighbour would be. What a comment leads to, the hit
 * leads to that it is shown with: whom it mentions, who wrote it.
 */
import { type Relationship, relationshipJson } from '../graph/answer.ts';
import { isComment } from './comment.ts';
import type { Ranked } from './hit.ts';
import type { Scope } from './scope.ts';

const decay = 0.5;
const certainty: Readonly<Record<string, number>> = { HIGH: 1, MEDIUM: 0.8, LOW: 0.5 };

/** Where edges are walked from. */
interface Start extends Pick<Ranked, 'id' | 'score'> {
  /** The hit that a comment is shown with. */
  readonly container?: string;
}

/** `comments`: those that hits are shown with, each with the hit's id. */
interface Walk {
  readonly comments: ReadonlyMap<string, string>;
  readonly hops: number;
}

/** The hits and what they lead to, best first, at most limits.neighboursShownMax of it. */
export async function expanded(
  scope: Scope,
  hits: readonly Ranked[],
  { comments, hops }: Walk,
): Promise<readonly Ranked[]> {
  const known = new Set(comments.keys());
  const direct = new Map(hits.map((hit) => [hit.id, hit]));
  const reached: Ranked[] = [];
  let frontier: readonly Start[] = [...hits, ...commentStarts(hits, comments)];
  for (let hop = 1; hop <= hops && frontier.length > 0; hop++) {
    const edges = await edgesFrom(
      scope,
      frontier.map(({ id }) => id),
    );
    const room = scope.limits.neighboursShownMax - reached.length;
    const led = stepped(frontier, edges, known);
    const found = led.filter(({ id }) => !direct.has(id)).slice(0, room);
    for (const one of led) raise(direct, one);
    for (const one of found) known.add(one.id);
    reached.push(...found);
    frontier = found;
  }
  return byScore([...direct.values(), ...reached]);
}

/** Where it is one of these, and worth more by an edge than by itself. */
function raise(direct: Map<string, Ranked>, { id, score, explained }: Ranked): void {
  const hit = direct.get(id);
  if (hit === undefined || hit.score >= score) return;
  direct.set(id, { id, score, explained: { ...hit.explained, ...explained } });
}

function commentStarts(hits: readonly Ranked[], comments: Walk['comments']): readonly Start[] {
  const scores = new Map(hits.map(({ id, score }) => [id, score]));
  return [...comments].map(([id, container]) => ({ id, container, score: scores.get(container)! }));
}

/** What one step leads to that was not known, best first. */
function stepped(
  from: readonly Start[],
  edges: readonly Relationship[],
  known: ReadonlySet<string>,
): readonly Ranked[] {
  const best = new Map<string, Ranked>();
  for (const { id: start, container = start, score } of from) {
    for (const edge of edges) {
      if (edge.sourceId !== start && edge.targetId !== start) continue;
      const id = edge.sourceId === start ? edge.targetId : edge.sourceId;
      if (known.has(id)) continue;
      const worth = score * decay * edge.strength * (certainty[edge.confidence] ?? 0.5);
      const before = best.get(id);
      if (before !== undefined && before.score >= worth) continue;
      best.set(id, {
        id,
        score: worth,
        explained: { graph: { from: container, relationship: edge.id } },
      });
    }
  }
  return byScore([...best.values()]);
}

function byScore(ranked: readonly Ranked[]): readonly Ranked[] {
  return ranked.toSorted((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
}

/** Of each entity the strongest edges, of those the newest; none to comments, which are part of it. */
function edgesFrom({ limits, tenantId, tx }: Scope, ids: readonly string[]) {
  return edgesWhere(
    tx,
    `SELECT DISTINCT ON (e.id) e.* FROM unnest($2::text[]) AS start(id),
       LATERAL (${['source_id', 'target_id']
         .map(
           (near) => `(SELECT e.* FROM graph.edge e
              JOIN graph.node n ON n.tenant_id = e.tenant_id
               AND n.id = ${near === 'source_id' ? 'e.target_id' : 'e.source_id'}
             WHERE e.tenant_id = $1 AND e.${near} = start.id AND NOT ${isComment('n')}
             ORDER BY e.strength DESC, e.since DESC LIMIT $3)`,
         )
         .join(' UNION ALL ')}) e`,
    [tenantId, ids, limits.edgesWalkedMax],
  );
}

/** The edges among some entities, oldest first. */
export function edgesAmong({ limits, tenantId, tx }: Scope, ids: readonly string[]) {
  return edgesWhere(
    tx,
    `SELECT e.* FROM graph.edge e
      WHERE e.tenant_id = $1 AND e.source_id = ANY($2::text[]) AND e.target_id = ANY($2::text[])
      ORDER BY e.since LIMIT $3`,
    [tenantId, ids, limits.neighbourhoodEdgesMax],
  );
}

async function edgesWhere(
  tx: Scope['tx'],
  rows: string,
  params: Parameters<Scope['tx']['query']>[1],
): Promise<readonly Relationship[]> {
  const found = await tx.query<{ relationship: Relationship }>(
    `SELECT ${relationshipJson} AS relationship FROM (${rows}) e ORDER BY e.since`,
    params,
  );
  return found.map(({ relationship }) => relationship);
}
