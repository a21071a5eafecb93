/**
 * The passages that an answer shows of each entity.
 *
 * What vectors found is a chunk already. Of a text that was found by words, it is the chunk in which the
 * words stand best; where the index has none of it, what the graph has around the words.
 */
import { Parameters } from '../graph/answer.ts';
import { searchable, searchableWhole } from '../graph/plan.ts';
import { snippetOptions } from '../graph/search.ts';
import type { HitPassage } from './answer.ts';
import type { Found } from './found.ts';
import { anyTermOf, type QueryWords } from './query-words.ts';
import type { Scope } from './scope.ts';

export interface ShownPassage extends HitPassage {
  /** Whole, as the chunk has it; at most some hundred words where it comes from the graph. */
  readonly text: string;
}

type PassageRow = ShownPassage & Record<string, unknown>;

const excerptOptions =
  'StartSel="", StopSel="", MaxFragments=2, MaxWords=80, MinWords=40, FragmentDelimiter=" … "';

/** By the id of each entity found: at most limits.passagesMax of it. */
export async function passagesOf(
  scope: Scope,
  found: readonly Found[],
  asked: QueryWords,
): Promise<ReadonlyMap<string, readonly ShownPassage[]>> {
  const most = scope.limits.passagesMax;
  const texts = await bestOf(
    scope,
    found.flatMap((one) => one.texts.slice(0, most)),
    asked,
  );
  const chunks = await quoted(
    scope,
    found.flatMap((one) => one.passages.slice(0, most)),
    asked,
  );
  return new Map(
    found.map(({ id, texts: entityIds, passages }) => {
      const byWords = entityIds.flatMap((entityId) => texts.get(entityId) ?? []);
      const byVectors = passages.flatMap(({ chunkId }) => chunks.get(chunkId) ?? []);
      return [id, mixed(byWords, byVectors).slice(0, most)];
    }),
  );
}

/** One of these, one of those, each passage once. */
function mixed(
  some: readonly ShownPassage[],
  others: readonly ShownPassage[],
): readonly ShownPassage[] {
  const both = Array.from({ length: Math.max(some.length, others.length) }, (_, at) => [
    ...some.slice(at, at + 1),
    ...others.slice(at, at + 1),
  ]).flat();
  const keyOf = ({ chunkId, entityId }: ShownPassage) => chunkId ?? `${entityId}#`;
  return [...new Map(both.toReversed().map((one) => [keyOf(one), one])).values()].toReversed();
}

/** Of each of some entities the passage in which the words stand best, or else how its text begins. */
export async function bestOf(
  { index, tenantId, tx }: Scope,
  entityIds: readonly string[],
  asked: QueryWords,
): Promise<ReadonlyMap<string, ShownPassage>> {
  if (entityIds.length === 0) return new Map();
  const params = new Parameters();
  const tenant = params.add(tenantId);
  const ids = params.add(entityIds);
  const query = anyTermOf(asked, params) ?? nothing;
  const excerpt = `ts_headline('simple', ${searchableWhole}, ${query}, '${excerptOptions}')`;
  const chunk = `(SELECT c.id, c.position, c.text FROM embeddings.chunk c
     WHERE c.tenant_id = n.tenant_id AND c.entity_id = n.id
     ORDER BY ts_rank(to_tsvector('simple', ${searchable('c.text')}), ${query}) DESC, c.ord LIMIT 1)`;
  const none = '(SELECT NULL AS id, NULL::bigint AS position, NULL AS text)';
  const rows = await tx.query<PassageRow>(
    `SELECT t."chunkId", t."entityId", t.position, t.text, ${snippetOf('t.text', query)} AS snippet
       FROM (SELECT c.id AS "chunkId", n.id AS "entityId", coalesce(c.position, n.position) AS position,
                    coalesce(c.text, ${excerpt}) AS text
               FROM graph.node n LEFT JOIN LATERAL ${index === null ? none : chunk} c ON true
              WHERE n.tenant_id = ${tenant} AND n.id = ANY(${ids}::text[])) t
      WHERE t.text <> ''`,
    params.values,
  );
  return new Map(rows.map((row) => [row.entityId, row]));
}

/** Which of some entities have text in the index, of the version that the index knows; null: no index. */
export async function indexedOf(
  { index, tenantId, tx }: Scope,
  ids: readonly string[],
): Promise<((id: string) => boolean) | null> {
  if (index === null) return null;
  const rows = await tx.query<{ id: string }>(
    `SELECT DISTINCT c.entity_id AS id FROM embeddings.chunk c
      WHERE c.tenant_id = $1 AND c.entity_id = ANY($2::text[])`,
    [tenantId, ids],
  );
  const indexed = new Set(rows.map(({ id }) => id));
  return (id) => indexed.has(id);
}

/** Chunks by id, with their snippets. */
async function quoted(
  { tx }: Scope,
  passages: Found['passages'],
  asked: QueryWords,
): Promise<ReadonlyMap<string, ShownPassage>> {
  if (passages.length === 0) return new Map();
  const params = new Parameters();
  const texts = params.add(passages.map(({ text }) => text));
  const query = anyTermOf(asked, params) ?? nothing;
  const rows = await tx.query<{ snippet: string }>(
    `SELECT ${snippetOf('text', query)} AS snippet
       FROM unnest(${texts}::text[]) WITH ORDINALITY AS quoted(text, place) ORDER BY place`,
    params.values,
  );
  return new Map(
    passages.map(({ chunkId, entityId, position, text }, at) => [
      chunkId,
      { chunkId, entityId, position, text, snippet: rows[at]!.snippet },
    ]),
  );
}

/** A query that matches nothing: its headline is how a text begins. */
const nothing = `''::tsquery`;

function snippetOf(text: string, query: string): string {
  return `ts_headline('simple', ${searchable(text)}, ${query}, '${snippetOptions}')`;
}
