/**
 * Full-text search in a tenant's entities.
 *
 * The query is what people type into a search box: words that must all be there, "a phrase", `or`,
 * `-without`. Order: rank, then id; the rank of an entity depends on it and the query alone, so pages
 * follow each other without a gap.
 */
import type { EntityType } from '#actors';
import { limits, type ReadStore, RuntimeError } from '#runtime';
import { cursorOf, keyOfCursor } from '../cursor.ts';
import {
  assertLimit,
  assertText,
  type Entity,
  entityJson,
  type Page,
  type PageRequest,
  Parameters,
  pageOf,
} from './answer.ts';
import { searchable, searchableWhole, tenantMark } from './plan.ts';

export interface SearchRequest extends PageRequest {
  readonly q: string;
  readonly type?: EntityType;
}

export interface Found {
  readonly entity: Entity;
  /** The more, the better; comparable within one query. */
  readonly rank: number;
  /** Plain text (not HTML) around the matches, which stand between ** and **. */
  readonly snippet: string;
}

interface FoundRow extends Record<string, unknown>, Found {}

/** How PostgreSQL shows a text around what matches, which stands between ** and **. */
export const snippetOptions = [
  'StartSel=**, StopSel=**',
  'MaxFragments=2, MaxWords=20, MinWords=8',
  'FragmentDelimiter=" … "',
].join(', ');

/** Divides the rank by the logarithm of the length: a word counts more in a title than in a book. */
const byLength = 1;

export async function search(
  store: ReadStore,
  tenantId: string,
  { q, type, cursor, limit }: SearchRequest,
): Promise<Page<Found>> {
  assertLimit(limit);
  assertText('q', q);
  if (q.trim() === '' || q.length > limits.searchQueryCharsMax) {
    const message = `q must have 1 to ${limits.searchQueryCharsMax} characters`;
    throw new RuntimeError('REQUEST_INVALID', message, { data: { length: q.length } });
  }
  const params = new Parameters();
  const tenant = params.add(tenantId);
  const words = `websearch_to_tsquery('simple', ${searchable(params.add(q))})`;
  const ofTenant = `${params.add(`'${tenantMark}${tenantId}'`)}::tsquery`;
  const ofType = type === undefined ? '' : `AND n.type = ${params.add(type)}`;
  const place = cursor === undefined ? null : keyOfCursor(cursor, ['real', 'text']);
  const after = place === null ? '' : afterPlace(params.add(place[0]), params.add(place[1]));
  const rows = await store.query<FoundRow>(
    `WITH found AS (
       SELECT n.id, ts_rank(n.search, ${words}, ${byLength}) AS rank
         FROM graph.node n
        WHERE n.tenant_id = ${tenant} AND n.search @@ (${words} && ${ofTenant})
          AND numnode(${words}) > 0 ${ofType}),
     page AS (SELECT * FROM found ${after} ORDER BY rank DESC, id LIMIT ${params.add(limit + 1)})
     SELECT ${entityJson} AS entity, page.rank,
            ts_headline('simple', ${searchableWhole}, ${words},
                        '${snippetOptions}') AS snippet
       FROM page JOIN graph.node n ON n.tenant_id = ${tenant} AND n.id = page.id
      ORDER BY page.rank DESC, page.id`,
    params.values,
  );
  return pageOf(
    rows,
    limit,
    ({ entity, rank, snippet }) => ({ entity, rank, snippet }),
    ({ entity, rank }) => cursorOf([rank, entity.id]),
  );
}

function afterPlace(rank: string, id: string): string {
  return `WHERE rank < ${rank}::real OR (rank = ${rank}::real AND id > ${id})`;
}
