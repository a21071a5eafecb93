/**
 * What people and language models ask of graph and index together.
 *
 *     search      hits, with why they were found
 *     query       the hits and what their edges lead to, as a context with citations
 *     provenance  from a passage to the event and the delivery that it comes from
 *
 * R1: an answer is of one tenant and of one snapshot of graph and index, and says up to where each was
 * complete. R2: the model is asked before the snapshot is taken, so that nothing is held while it thinks.
 * R3: a model that does not answer costs the vectors and nothing else.
 */
import type { Clock, Embedder, Limits, Log, ReadStore, Telemetry } from '#runtime';
import type { IndexQueries } from '../embeddings/queries.ts';
import { inSnapshot } from '../graph/answer.ts';
import type { ContextAnswer, Provenance, SearchAnswer } from './answer.ts';
import { contextOf } from './context.ts';
import { edgesAmong, expanded } from './expand.ts';
import { commentsShown, hitsOf, withSnippets } from './hit.ts';
import { bestOf, indexedOf } from './passages.ts';
import { provenanceOf, storedPassage } from './provenance.ts';
import { type QueryRequest, type RetrievalRequest, type Wanted, wantedOf } from './request.ts';
import { type RowsAt, type Scope, viewsOf } from './scope.ts';
import { type Searched, searchIn } from './search.ts';
import { vectorOf } from './vector.ts';

export interface RetrievalOptions {
  readonly store: ReadStore;
  readonly log: Log;
  /** Both null where embeddings are off. */
  readonly embedder: Embedder | null;
  readonly index: IndexQueries | null;
  /**
   * How far this node knows the rows of graph and index to be: a checkpoint that only skips what nobody
   * wants is stored late.
   */
  readonly rowsAt?: () => RowsAt;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly limits: Limits;
}

export class Retrieval {
  readonly #options: RetrievalOptions;

  constructor(options: RetrievalOptions) {
    this.#options = options;
  }

  /**
   * Best first. Throws REQUEST_INVALID, NOT_FOUND (an entity of `near`), QUERY_TOO_LARGE (its
   * surroundings), READ_STORE_UNAVAILABLE, the signal's reason, and in mode `vectors` what the model throws.
   */
  async search(
    tenantId: string,
    request: RetrievalRequest,
    signal: AbortSignal,
  ): Promise<SearchAnswer> {
    return this.#searched(tenantId, request, signal, async (_scope, searched) => {
      const { positions, vectors, hits } = searched;
      return { positions, vectors, hits: withSnippets(hits) };
    });
  }

  /** Hits and neighbours, best first, and the context that is made of them. Throws as `search` does. */
  async query(
    tenantId: string,
    request: QueryRequest,
    signal: AbortSignal,
  ): Promise<ContextAnswer> {
    return this.#searched(tenantId, request, signal, contextIn);
  }

  /** Throws NOT_FOUND, READ_STORE_UNAVAILABLE, LOG_UNAVAILABLE, CHECKPOINT_AHEAD. */
  async provenance(tenantId: string, chunkId: string): Promise<Provenance> {
    const stored = await this.#inScope(tenantId, (scope) => storedPassage(scope, chunkId));
    return provenanceOf(this.#options.log, chunkId, stored);
  }

  async #searched<Answer>(
    tenantId: string,
    request: RetrievalRequest,
    signal: AbortSignal,
    answer: (scope: Scope, searched: Searched, wanted: Wanted) => Promise<Answer>,
  ): Promise<Answer> {
    const wanted = wantedOf(request);
    const vector = await vectorOf(wanted, this.#options, signal);
    return this.#inScope(tenantId, async (scope) =>
      answer(scope, await searchIn(scope, wanted, vector), wanted),
    );
  }

  #inScope<Answer>(tenantId: string, work: (scope: Scope) => Promise<Answer>): Promise<Answer> {
    const { index, limits, rowsAt, store } = this.#options;
    // Asked before the snapshot is taken, which then has those rows.
    const reached = rowsAt?.() ?? { graph: 0, index: 0 };
    const inIt = (tx: Scope['tx']) => work({ tx, tenantId, index, limits, reached });
    return inSnapshot(store, inIt, viewsOf(index));
  }
}

/** What was found with what its edges lead to, those of the comments that are shown of it, too. */
async function contextIn(
  scope: Scope,
  { asked, hits: found, positions, vectors }: Searched,
  { hops, contextCharsMax }: Wanted,
): Promise<ContextAnswer> {
  const comments = commentsShown(found);
  const direct = found.map(({ entity: { id }, score, explained }) => ({ id, score, explained }));
  const ranked = await expanded(scope, direct, { comments, hops });
  const passages = new Map(found.map((hit) => [hit.entity.id, hit.passages]));
  const ids = ranked.map(({ id }) => id);
  const reached = ids.filter((id) => !passages.has(id));
  for (const [id, passage] of await bestOf(scope, reached, asked)) passages.set(id, [passage]);
  const hits = await hitsOf(scope, ranked, passages);
  const ends = [...ids, ...comments.keys()];
  const edges = await edgesAmong(scope, ends);
  const isIndexed = await indexedOf(scope, ends);
  const context = contextOf({ hits, edges, isIndexed, charsMax: contextCharsMax });
  return { positions, vectors, hits: withSnippets(hits), ...context };
}
