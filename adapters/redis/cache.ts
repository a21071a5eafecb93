/**
 * The cache that all nodes share, in Redis (`cache-store.ts` says how).
 *
 *     away ──ready, and told all that is owed──▶ serving ──lost, or a command failed──▶ away
 *
 * C1 Away, reads go to the store, and nobody waits for a timeout more than once: the first failure is
 *    everybody's.
 * C2 What is invalidated meanwhile is owed, and Redis is told of all of it before this node reads from it
 *    again. Where too much is owed to be worth keeping, the cache is emptied instead.
 *
 * An answer that several nodes miss at once is loaded by the one that has the lease; the others look again
 * now and then, for limits.cacheWaitMs, and then load for themselves.
 */
import {
  assertTenant,
  backoffMs,
  type Cache,
  type CacheKey,
  type Caching,
  type Clock,
  type Found,
  type Ids,
  type Invalidated,
  jsonText,
  type Limits,
  Loads,
  RuntimeError,
  type Telemetry,
} from '#runtime';
import { CacheStore, type Fence } from './cache-store.ts';
import type { RedisConnection } from './connection.ts';
import { unavailable } from './failure.ts';
import { Owed } from './owed.ts';

export interface RedisCacheOptions {
  /** For commands; whoever made it closes it, after the cache. */
  readonly connection: RedisConnection;
  readonly prefix: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly telemetry: Telemetry;
  readonly limits: Limits;
}

/** Where a load stands; null: Redis is away, and nothing that is loaded now is kept. */
interface Missing {
  readonly fence: string;
  readonly at: Fence | null;
  readonly isLeased: boolean;
}

/** Pauses between two looks for what another node loads: loads take 1 to 100 ms as a rule. */
const lookAgain = { baseMs: 10, capMs: 100 };

export class RedisCache implements Cache {
  readonly #options: RedisCacheOptions;
  readonly #store: CacheStore;
  readonly #loads = new Loads();
  readonly #owed: Owed;
  readonly #closing = new AbortController();
  readonly #deafen: readonly (() => void)[];
  #isServing = false;
  #isRecovering = false;
  /** In a row; the pause before the next attempt grows with them. */
  #failures = 0;
  #bypasses = 0;
  #recovered: Promise<void> = Promise.resolve();

  constructor(options: RedisCacheOptions) {
    this.#options = options;
    const { connection, ids, limits, prefix } = options;
    this.#owed = new Owed(limits.cacheTagsWaitingMax);
    this.#store = new CacheStore({
      client: connection.client,
      prefix,
      node: ids.random(),
      leaseMs: limits.cacheLeaseMs,
      clockMs: limits.cacheTtlMsMax * 2,
    });
    this.#deafen = [
      connection.whenLost(() => this.#fail(new Error('the connection is lost'), 'reading')),
      connection.whenReady(() => this.#recover()),
    ];
  }

  async through<T>(key: CacheKey, caching: Caching<T>, load: () => Promise<T>): Promise<T> {
    assertTenant(key.tenantId);
    const text = await this.#loads.through<Missing>(
      `${key.tenantId}/${key.name}`,
      () => this.#look(key),
      (missing) => this.#lead(key, caching, missing, load),
    );
    return JSON.parse(text) as T;
  }

  async invalidate(tenantId: string, tags: readonly string[]): Promise<Invalidated> {
    assertTenant(tenantId);
    if (this.#isServing) {
      try {
        await this.#tell(tenantId, tags);
        return 'told';
      } catch (thrown) {
        this.#owed.add(tenantId, tags);
        this.#fail(thrown, 'invalidating');
        return 'kept';
      }
    }
    this.#owed.add(tenantId, tags);
    return 'kept';
  }

  async close(): Promise<void> {
    this.#isServing = false;
    for (const end of this.#deafen) end();
    this.#closing.abort(new RuntimeError('SHUTTING_DOWN', 'the cache is closed'));
    await this.#recovered;
  }

  async #look(key: CacheKey): Promise<Found<Missing>> {
    const { limits, telemetry } = this.#options;
    if (this.#isServing && key.name.length <= limits.cacheNameCharsMax) {
      try {
        const looked = await this.#store.look(key);
        this.#failures = 0;
        if (looked.kind === 'found') {
          telemetry.record({ name: 'cache-read', outcome: 'hit' });
          return { text: looked.text };
        }
        const { at, isLeased } = looked;
        return { fence: `${at.generation}/${at.at}`, at, isLeased };
      } catch (thrown) {
        this.#fail(thrown, 'reading');
      }
    }
    this.#bypasses += 1;
    return { fence: `bypass ${this.#bypasses}`, at: null, isLeased: false };
  }

  async #lead<T>(
    key: CacheKey,
    caching: Caching<T>,
    missing: Missing,
    load: () => Promise<T>,
  ): Promise<string> {
    const { limits, telemetry } = this.#options;
    const found =
      missing.at === null || missing.isLeased ? missing : await this.#wait(key, missing);
    if ('text' in found) return found.text;
    let isHeld = found.isLeased;
    try {
      const value = await load();
      const text = jsonText(value);
      const tags = [...new Set(caching.tags(value))];
      const outcome = found.at === null ? 'bypassed' : 'loaded';
      telemetry.record({ name: 'cache-read', outcome });
      const isSmall =
        tags.length <= limits.cacheTagsMax && text.length <= limits.cacheValueCharsMax;
      if (!isSmall) telemetry.record({ name: 'cache-refused', reason: 'too-large' });
      if (!isSmall || found.at === null) return text;
      const ttlMs = Math.max(1, Math.floor(Math.min(caching.ttlMs, limits.cacheTtlMsMax)));
      await this.#ask('keeping', async () => {
        const isKept = await this.#store.keep({ key, fence: found.at!, tags, text, ttlMs });
        isHeld = false;
        if (!isKept) telemetry.record({ name: 'cache-refused', reason: 'invalidated' });
      });
      return text;
    } finally {
      if (isHeld) await this.#ask('releasing', () => this.#store.release(key));
    }
  }

  /** Looks again until another node has loaded it, gave up, or took too long. */
  async #wait(key: CacheKey, missing: Missing): Promise<Found<Missing>> {
    const { clock, ids, limits } = this.#options;
    const untilMs = clock.now() + limits.cacheWaitMs;
    for (let attempt = 1; clock.now() < untilMs && !this.#closing.signal.aborted; attempt++) {
      const pause = clock.sleep(backoffMs(attempt, lookAgain, ids.chance()), this.#closing.signal);
      await Promise.allSettled([pause]);
      const found = await this.#look(key);
      if ('text' in found || found.at === null || found.isLeased) return found;
      missing = found;
    }
    return missing;
  }

  /** What the caller does not depend on: a failure is the cache's. */
  async #ask(doing: string, work: () => Promise<void>): Promise<void> {
    if (!this.#isServing) return;
    try {
      await work();
    } catch (thrown) {
      this.#fail(thrown, doing);
    }
  }

  async #tell(tenantId: string, tags: readonly string[]): Promise<void> {
    const { cacheTagsMax } = this.#options.limits;
    for (let next = 0; next < tags.length; next += cacheTagsMax) {
      await this.#store.invalidate(tenantId, tags.slice(next, next + cacheTagsMax));
    }
  }

  #fail(thrown: unknown, doing: string): void {
    if (!this.#isServing) return;
    this.#isServing = false;
    this.#failures += 1;
    const error = unavailable(thrown, `${doing} the cache`);
    this.#options.telemetry.record({ name: 'cache-away', error });
    this.#recover();
  }

  #recover(): void {
    if (this.#isRecovering) return;
    this.#isRecovering = true;
    this.#recovered = this.#comeBack();
  }

  /** Ends when it serves, is closed, or the connection is lost: then it begins when that is ready. */
  async #comeBack(): Promise<void> {
    const { clock, connection, ids, limits } = this.#options;
    const backoff = { baseMs: limits.retryBaseMs, capMs: limits.redisRetryCapMs };
    const { signal } = this.#closing;
    while (!this.#isServing && connection.isReady && !signal.aborted) {
      const pauseMs = this.#failures === 0 ? 0 : backoffMs(this.#failures, backoff, ids.chance());
      await Promise.allSettled([clock.sleep(pauseMs, signal)]);
      try {
        await connection.check();
        await this.#tellOwed();
      } catch {
        // That it is away has been told; how long it takes shows in the next `cache-back`.
        this.#failures += 1;
      }
    }
    // In the same turn as the last look at how it stands, so that no failure is left to nobody.
    this.#isRecovering = false;
  }

  async #tellOwed(): Promise<void> {
    let isEmptied = false;
    let tagsTold = 0;
    while (!this.#owed.isEmpty) {
      const { isEverything, tags } = this.#owed.take();
      let told = 0;
      try {
        if (isEverything) await this.#store.empty();
        isEmptied ||= isEverything;
        for (const [tenantId, owed] of tags) {
          await this.#tell(tenantId, owed);
          told += 1;
          tagsTold += owed.length;
        }
      } catch (thrown) {
        if (isEverything) this.#owed.addEverything();
        for (const [tenantId, owed] of tags.slice(told)) this.#owed.add(tenantId, owed);
        throw thrown;
      }
    }
    // In the same turn as the last look at what is owed: what comes from now on is told at once (C2).
    if (this.#closing.signal.aborted) return;
    this.#isServing = true;
    this.#options.telemetry.record({ name: 'cache-back', tags: tagsTold, isEmptied });
  }
}
