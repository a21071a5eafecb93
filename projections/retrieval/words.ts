/**
 * The leg of words: entities that have any word of the question, best first.
 *
 *     each word ─▶ whom it finds ─▶ those with the rarest words ─▶ ranked by where the words stand
 *                  (bounded)        limits.wordCandidatesMax
 *
 * PostgreSQL ranks by what stands in one text and knows nothing of how rare a word is; and to rank, it
 * unpacks each text. So the index alone chooses, by the sum of the words' rarity, and few are ranked. A
 * word in more than limits.wordMatchesMax entities says next to nothing and finds nobody, except where
 * all words are such: then the newest that have all of them, or else any.
 */
import { Parameters } from '../graph/answer.ts';
import { tenantMark } from '../graph/plan.ts';
import type { Filter } from './filter.ts';
import { type QueryWords, termOf } from './query-words.ts';
import type { Scope } from './scope.ts';

export interface FoundByWords extends Record<string, unknown> {
  readonly id: string;
  /** The more, the better; comparable within one answer. */
  readonly score: number;
}

/** Divides a rank by the logarithm of the length: a word counts more in a title than in a book. */
const byLength = 1;

/** At most `limit` of them. */
export async function byWords(
  scope: Scope,
  asked: QueryWords,
  filter: Filter,
  limit: number,
): Promise<readonly FoundByWords[]> {
  const terms = asked.words.length > 0 ? asked.words : asked.phrases;
  if (terms.length === 0) return [];
  const found = await byRareWords(scope, terms, filter, limit);
  if (found.length > 0) return found;
  const ofAll = await newestWith(scope, terms, filter, limit, '&&');
  return ofAll.length > 0 ? ofAll : newestWith(scope, terms, filter, limit, '||');
}

async function byRareWords(
  { limits, tenantId, tx }: Scope,
  terms: readonly string[],
  filter: Filter,
  limit: number,
): Promise<readonly FoundByWords[]> {
  const params = new Parameters();
  const tenant = params.add(tenantId);
  const queries = terms.map((term) => termOf(params.add(term)));
  const has = predicateOf(params, tenantId, filter);
  const most = `${params.add(limits.wordMatchesMax)}::int`;
  return tx.query<FoundByWords>(
    `WITH term AS MATERIALIZED (
       SELECT DISTINCT query FROM unnest(ARRAY[${queries.join(', ')}]) AS query
        WHERE numnode(query) > 0),
     telling AS MATERIALIZED (
       SELECT m.* FROM term,
              LATERAL (SELECT array_agg(id) AS ids, array_agg(position) AS positions,
                              count(*)::float8 AS entities
                         FROM (SELECT n.id, n.position FROM graph.node n
                                WHERE ${has('query')} LIMIT ${most} + 1) n) m
        WHERE entities BETWEEN 1 AND ${most}),
     tenant AS MATERIALIZED (
       SELECT count(*)::float8 AS entities
         FROM (SELECT FROM graph.node n WHERE n.tenant_id = ${tenant} LIMIT 2 * ${most}) n),
     chosen AS (
       SELECT m.id, sum(ln(1 + (tenant.entities - telling.entities + 0.5)
                               / (telling.entities + 0.5))) AS rarity
         FROM telling, tenant, unnest(telling.ids, telling.positions) AS m(id, position)
        GROUP BY m.id ORDER BY rarity DESC, max(m.position) DESC
        LIMIT ${params.add(limits.wordCandidatesMax)})
     SELECT n.id, chosen.rarity * (1 + ts_rank(n.search, whole.query, ${byLength})) AS score
       FROM chosen JOIN graph.node n ON n.tenant_id = ${tenant} AND n.id = chosen.id,
            (SELECT string_agg(query::text, ' | ')::tsquery AS query FROM term) whole
      ORDER BY score DESC, n.id LIMIT ${params.add(limit)}`,
    params.values,
  );
}

async function newestWith(
  { limits, tenantId, tx }: Scope,
  terms: readonly string[],
  filter: Filter,
  limit: number,
  operator: '&&' | '||',
): Promise<readonly FoundByWords[]> {
  const params = new Parameters();
  const query = terms.map((term) => termOf(params.add(term))).join(operator);
  const has = predicateOf(params, tenantId, filter);
  return tx.query<FoundByWords>(
    `WITH whole AS MATERIALIZED (SELECT ${query} AS query),
     chosen AS (
       SELECT m.id, ts_rank(m.search, query, ${byLength}) AS score FROM whole,
              LATERAL (SELECT n.id, n.search FROM graph.node n WHERE ${has('query')}
                        ORDER BY n.position DESC
                        LIMIT ${params.add(limits.wordCandidatesMax)}) m
        WHERE numnode(query) > 0)
     SELECT id, score FROM chosen ORDER BY score DESC, id LIMIT ${params.add(limit)}`,
    params.values,
  );
}

/**
 * Whether row `n` may be found by a query. The query must be a column, not a value: PostgreSQL then goes
 * by the index, where for a frequent word it would unpack every text (170 ms of 50,000, against 6).
 */
function predicateOf(
  params: Parameters,
  tenantId: string,
  filter: Filter,
): (query: string) => string {
  const tenant = params.add(tenantId);
  const mark = params.add(`'${tenantMark}${tenantId}'`);
  const where = filter(params);
  return (query) =>
    `n.tenant_id = ${tenant} AND n.search @@ (${query} && ${mark}::tsquery)
     ${where === null ? '' : `AND ${where}`}`;
}
