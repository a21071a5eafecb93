/**
 * The cache: answers kept beside the store that gave them, until what they depend on changes.
 *
 * K1 Whoever calls `through` after `invalidate` has resolved gets no value that was read before it, from
 *    any node, however slowly it was read: a value is kept only if none of its tags was invalidated since
 *    its load began, and that is decided in one atomic step with the keeping.
 * K2 It may lose anything at any time, and then loads. It never rejects for itself: where it can't be
 *    reached, reads go to their `load`.
 *
 * One conformance suite (`test/contracts/cache.ts`) holds every adapter to what is written here.
 */

/** What an answer is kept under; the same key means the same question. Tenants never meet in a key. */
export interface CacheKey {
  readonly tenantId: string;
  /** The question and all its parameters. Above limits.cacheNameCharsMax it is never kept. */
  readonly name: string;
}

export interface Caching<T> {
  /** Kept at most this long, the bound for everything that no invalidation speaks of. */
  readonly ttlMs: number;
  /**
   * What the answer depends on, such as the ids of the entities in it. It is dropped when one of them is
   * invalidated. Above limits.cacheTagsMax it is not kept.
   */
  readonly tags: (value: T) => readonly string[];
}

/**
 * `told`: it holds for every node. `kept`: the cache can't be reached; this node reads past it and tells
 * it first when it is back, other nodes may serve the old until then, and if this process ends before,
 * until their time is over. Whoever has a checkpoint and must be sure invalidates again.
 */
export type Invalidated = 'told' | 'kept';

export interface Cache {
  /**
   * The value under a key, or else what `load` gives, kept for the next one.
   *
   * Values are JSON: the caller that loaded gets what JSON makes of it, as all later ones do, and each
   * gets a copy of its own. Callers that ask at the same time share a load as far as K1 allows, on this
   * node and, for limits.cacheLeaseMs at most, over nodes. Rejects with what `load` rejected with, for
   * all who share it, and keeps nothing; INVARIANT_BROKEN for a value that JSON has no text for.
   */
  through<T>(key: CacheKey, caching: Caching<T>, load: () => Promise<T>): Promise<T>;
  /**
   * Drops all answers that depend on one of the tags, and those under way. Called after the change is
   * committed. Any number of tags; each takes effect by itself, and a repeat does no harm.
   */
  invalidate(tenantId: string, tags: readonly string[]): Promise<Invalidated>;
  /** Keeps nothing any more, and hangs up; `through` still loads. */
  close(): Promise<void>;
}
