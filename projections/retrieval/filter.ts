/**
 * Which entities may be found, as one predicate that every leg is held to. Phrases and excluded words are
 * asked of the text that is found; all else of the entity that it stands for.
 */
import { RuntimeError } from '#runtime';
import { notFound, type Parameters } from '../graph/answer.ts';
import { stepsFrom } from '../graph/step.ts';
import { commentsOn, ofStanding, standings } from './comment.ts';
import { conditionOf, type QueryWords } from './query-words.ts';
import type { Wanted } from './request.ts';
import type { Scope } from './scope.ts';

/** A predicate on row `n` of graph.node, its values added to the parameters; null: all may be found. */
export type Filter = (params: Parameters) => string | null;

/** Throws NOT_FOUND (an entity of `near`) or QUERY_TOO_LARGE (its surroundings). */
export async function filterOf(scope: Scope, wanted: Wanted, asked: QueryWords): Promise<Filter> {
  const { near } = wanted;
  const around = near === undefined ? null : await surroundings(scope, near);
  return (params) => {
    const parts = around === null ? [] : [`n.id = ANY(${params.add(around)}::text[])`];
    const text = conditionOf(asked, params);
    if (text !== null) parts.push(`n.search @@ ${text}`);
    const ofEntity = conditions(wanted, params);
    if (ofEntity.length > 0) {
      parts.push(ofStanding((row) => ofEntity.map((condition) => condition(row)).join(' AND ')));
    }
    return parts.length === 0 ? null : parts.join(' AND ');
  };
}

type Condition = (row: string) => string;

function conditions(wanted: Wanted, params: Parameters): readonly Condition[] {
  const { types = [], properties = {}, system, updatedAfter, updatedBefore } = wanted;
  const found: Condition[] = [];
  if (types.length > 0) {
    const any = params.add(types);
    found.push((row) => `${row}.type = ANY(${any}::text[])`);
  }
  if (system !== undefined) {
    const one = params.add(system);
    found.push((row) => `${row}.source->>'system' = ${one}`);
  }
  for (const [name, value] of Object.entries(properties)) {
    const [key, text] = [params.add(name), params.add(value)];
    found.push(
      (row) =>
        `(${row}.properties->>${key}::text = ${text}::text
          OR ${row}.properties->${key}::text @> to_jsonb(${text}::text))`,
    );
  }
  const changed = (row: string) =>
    `coalesce(${row}.properties->>'updatedAt', ${row}.updated_at) COLLATE "C"`;
  if (updatedAfter !== undefined) {
    const instant = params.add(updatedAfter);
    found.push((row) => `${changed(row)} >= ${instant}`);
  }
  if (updatedBefore !== undefined) {
    const instant = params.add(updatedBefore);
    found.push((row) => `${changed(row)} < ${instant}`);
  }
  return found;
}

/**
 * The entities within some steps of any of these, themselves too, and the comments on them; but no comment
 * on anything else, as it stands for what is further away. Above limits.nearEntitiesMax it says so
 * instead of leaving some out.
 */
async function surroundings(
  scope: Scope,
  { ids, distance }: NonNullable<Wanted['near']>,
): Promise<readonly string[]> {
  const { limits, tenantId, tx } = scope;
  const most = limits.nearEntitiesMax;
  await assertThere(scope, ids);
  const near = new Set(ids);
  let frontier: readonly string[] = [...near];
  for (let step = 1; step <= distance && frontier.length > 0; step++) {
    const around = { except: [...near], limit: most - near.size + 1 };
    const steps = await stepsFrom(tx, tenantId, frontier, around);
    frontier = steps.map(({ far }) => far);
    for (const far of frontier) near.add(far);
    if (near.size > most) throw tooLarge(most);
  }
  const comments = await commentsOn(scope, [...near], most + 1);
  const texts = new Set([...near, ...comments]);
  if (texts.size > most) throw tooLarge(most);
  const standsFor = await standings(scope, [...texts]);
  return [...standsFor].filter(([, id]) => near.has(id)).map(([id]) => id);
}

async function assertThere({ tx, tenantId }: Scope, ids: readonly string[]): Promise<void> {
  const [missing] = await tx.query<{ id: string }>(
    `SELECT wanted.id FROM unnest($2::text[]) AS wanted(id)
      WHERE NOT EXISTS (SELECT FROM graph.node n WHERE n.tenant_id = $1 AND n.id = wanted.id)
      LIMIT 1`,
    [tenantId, ids],
  );
  if (missing !== undefined) throw notFound(missing.id);
}

function tooLarge(entitiesMax: number): RuntimeError {
  const message = `more than ${entitiesMax} entities are near, with their comments`;
  return new RuntimeError('QUERY_TOO_LARGE', message);
}
