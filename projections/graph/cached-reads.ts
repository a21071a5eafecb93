/**
 * Questions about one entity, answered from the cache until something changes that they depend on.
 *
 * R1: an answer is tagged with the entity that was asked about, with every entity in it, and with every
 * one that would change it by coming or going though it is not in it (`hidden.ts`). A relationship's
 * change invalidates both its ends, and each relationship of an answer has an end that is tagged. R2: an
 * answer is kept under the generation of its rows. A rebuild begins with an empty cache, and while this
 * node does not know the generation, the store is asked.
 *
 * So whoever heard of a change on a node reads it there; where nodes share the cache, on any of them.
 * limits.cachedReadMs bounds what is left: how old an answer may be where a node is not told of changes.
 *
 * Not kept: what no entity's tags could cover (lists of all entities, search, paths), what was (`asOf`),
 * and errors, NOT_FOUND among them.
 */
import { type Cache, limits, type ReadStore } from '#runtime';
import type { Entity, Page } from './answer.ts';
import type { Traced } from './hidden.ts';
import { type Neighbourhood, tracedNeighbourhood } from './neighbourhood.ts';
import { type Neighbour, type NeighboursRequest, tracedNeighbours } from './neighbours.ts';
import type { GraphQueries } from './queries.ts';
import { entityTag } from './tag.ts';

export interface CachedReadsOptions {
  readonly cache: Pick<Cache, 'through'>;
  readonly store: ReadStore;
  readonly graph: GraphQueries;
  /**
   * Of the rows that `store` shows; null while that is not known, or while the cache has yet to forget
   * what they have replaced.
   */
  readonly generation: () => number | null;
}

/** One question, asked in two ways. */
interface Question<Answer> {
  /** With all its parameters. */
  readonly name: readonly (string | number | null)[];
  readonly ask: () => Promise<Answer>;
  readonly trace: () => Promise<Traced<Answer>>;
  /** The entities in an answer. */
  readonly shown: (answer: Answer) => readonly Entity[];
}

export class CachedReads {
  readonly #options: CachedReadsOptions;

  constructor(options: CachedReadsOptions) {
    this.#options = options;
  }

  /** As GraphQueries.entity. */
  entity(tenantId: string, id: string): Promise<Entity> {
    const ask = () => this.#options.graph.entity(tenantId, id);
    return this.#through<Entity>(tenantId, id, {
      name: ['entity'],
      ask,
      trace: async () => ({ answer: await ask(), unseen: [] }),
      shown: (entity) => [entity],
    });
  }

  /** As GraphQueries.neighbours. */
  neighbours(tenantId: string, id: string, request: NeighboursRequest): Promise<Page<Neighbour>> {
    const { graph, store } = this.#options;
    const { cursor = null, direction, limit, type = null } = request;
    return this.#through<Page<Neighbour>>(tenantId, id, {
      name: ['neighbours', direction, type, limit, cursor],
      ask: () => graph.neighbours(tenantId, id, request),
      trace: () => tracedNeighbours(store, tenantId, id, request),
      shown: ({ items }) => items.map(({ entity }) => entity),
    });
  }

  /** As GraphQueries.neighbourhood. */
  neighbourhood(tenantId: string, id: string, depth: number): Promise<Neighbourhood> {
    const { graph, store } = this.#options;
    return this.#through<Neighbourhood>(tenantId, id, {
      name: ['neighbourhood', depth],
      ask: () => graph.neighbourhood(tenantId, id, depth),
      trace: () => tracedNeighbourhood(store, tenantId, id, depth),
      shown: ({ nodes }) => nodes.map(({ entity }) => entity),
    });
  }

  async #through<Answer>(
    tenantId: string,
    id: string,
    { ask, name, shown, trace }: Question<Answer>,
  ): Promise<Answer> {
    const generation = this.#options.generation();
    if (generation === null) return ask();
    const { answer } = await this.#options.cache.through<Traced<Answer>>(
      { tenantId, name: JSON.stringify([generation, id, ...name]) },
      {
        ttlMs: limits.cachedReadMs,
        tags: ({ answer, unseen }) =>
          [id, ...shown(answer).map((entity) => entity.id), ...unseen].map(entityTag),
      },
      trace,
    );
    return answer;
  }
}
