/**
 * A search in a snapshot: both legs under one filter, folded, fused, and shown.
 *
 *     words ────▶ texts ─────╮
 *                            ├─▶ entities that they stand for ─▶ fused ─▶ hits with passages
 *     vectors ──▶ passages ──╯
 */
import { RuntimeError } from '#runtime';
import type { NearestRequest, Passage } from '../embeddings/queries.ts';
import { liveGeneration } from '../graph/hidden.ts';
import type { Positions, VectorsUse } from './answer.ts';
import { standings } from './comment.ts';
import { filterOf } from './filter.ts';
import { foundIn } from './found.ts';
import { hitsOf, type ShownHit } from './hit.ts';
import { passagesOf } from './passages.ts';
import { type QueryWords, queryWords } from './query-words.ts';
import type { Wanted } from './request.ts';
import type { Scope } from './scope.ts';
import type { QueryVector } from './vector.ts';
import { byWords } from './words.ts';

export interface Searched {
  readonly positions: Positions;
  readonly vectors: VectorsUse;
  readonly asked: QueryWords;
  readonly hits: readonly ShownHit[];
}

/**
 * Throws what `filterOf` does, READ_STORE_UNAVAILABLE, and in mode `vectors` EMBEDDER_UNAVAILABLE while the
 * index has vectors of another model.
 */
export async function searchIn(
  scope: Scope,
  wanted: Wanted,
  vector: QueryVector,
): Promise<Searched> {
  const { positions, generation } = await standingOf(scope);
  const isReady = generation !== null;
  if (wanted.mode === 'vectors' && !isReady) {
    const message = 'the index is being rebuilt for the model that is configured';
    throw new RuntimeError('EMBEDDER_UNAVAILABLE', message);
  }
  const asked = queryWords(wanted.q);
  const filter = await filterOf(scope, wanted, asked);
  const most = candidatesOf(scope, wanted);
  const words = wanted.mode === 'vectors' ? [] : await byWords(scope, asked, filter, most);
  const passages =
    vector.use === 'used' && isReady
      ? await nearest(scope, { generation, vector: vector.vector, where: filter, limit: most })
      : [];
  const ids = [...words.map(({ id }) => id), ...passages.map(({ entityId }) => entityId)];
  const standsFor = await standings(scope, [...new Set(ids)]);
  const found = foundIn(words, passages, standsFor).slice(0, wanted.limit);
  return {
    positions,
    vectors: vector.use === 'used' && !isReady ? 'rebuilding' : vector.use,
    asked,
    hits: await hitsOf(scope, found, await passagesOf(scope, found, asked)),
  };
}

/** Of each leg: passages of one entity fold into one hit, and the two orders should meet somewhere. */
function candidatesOf({ limits }: Scope, { limit }: Wanted): number {
  return Math.min(limits.candidatesMax, 20 + 2 * limit);
}

/** `generation`: of the index, null where it can't be asked. */
async function standingOf({ index, reached, tx }: Scope) {
  const graph = Math.max((await liveGeneration(tx)).position, reached.graph);
  const reach = index === null ? null : await index.reach(tx, reached.index);
  const positions: Positions = { graph, index: reach?.position ?? null };
  return { positions, generation: reach?.state === 'ready' ? reach.generation : null };
}

/** What has nothing in common with the question is no answer, however near it is among the rest. */
async function nearest(
  { index, tenantId, tx }: Scope,
  request: Omit<NearestRequest, 'tenantId'>,
): Promise<readonly Passage[]> {
  const passages = (await index?.nearest(tx, { tenantId, ...request })) ?? [];
  return passages.filter(({ similarity }) => similarity > 0);
}
