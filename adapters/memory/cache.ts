/**
 * The cache of one process: bounded in number and size, the longest unused goes first.
 *
 *     entries   question → answer's JSON, its tags, its time      by tag → the entries that depend on it
 *     #at       counts invalidations; a load stands at the count when it began
 *     #recent   tag → #at of its last invalidation, for as long as loads are under way that it may concern
 *
 * An invalidation drops what depends on its tags at once; a load that began before it is not kept (K1).
 */
import {
  assertTenant,
  type Cache,
  type CacheKey,
  type Caching,
  type Clock,
  type Found,
  type Invalidated,
  jsonText,
  type Limits,
  type Linked,
  Loads,
  Recency,
  limits as standardLimits,
  type Telemetry,
} from '#runtime';

interface Entry extends Linked<Entry> {
  readonly name: string;
  readonly text: string;
  readonly tags: readonly string[];
  readonly untilMs: number;
}

interface Fence {
  readonly fence: string;
  readonly at: number;
}

export interface MemoryCacheOptions {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly limits?: Partial<Limits>;
}

export class MemoryCache implements Cache {
  readonly #clock: Clock;
  readonly #telemetry: Telemetry;
  readonly #limits: Limits;
  readonly #loads = new Loads();
  readonly #entries = new Map<string, Entry>();
  readonly #byTag = new Map<string, Set<Entry>>();
  readonly #recency = new Recency<Entry>();
  #chars = 0;
  #at = 0;
  readonly #recent = new Map<string, number>();
  /** Loads that stand before this are not kept: what was invalidated since is not known in detail. */
  #keptFrom = 0;
  #isClosed = false;

  constructor({ clock, limits, telemetry }: MemoryCacheOptions) {
    this.#clock = clock;
    this.#telemetry = telemetry;
    this.#limits = { ...standardLimits, ...limits };
  }

  async through<T>(
    { name, tenantId }: CacheKey,
    caching: Caching<T>,
    load: () => Promise<T>,
  ): Promise<T> {
    assertTenant(tenantId);
    const full = scoped(tenantId, name);
    const text = await this.#loads.through<Fence>(
      full,
      async () => this.#look(full),
      async ({ at }) => {
        const value = await load();
        const text = jsonText(value);
        const tags = [...new Set(caching.tags(value))];
        const ttlMs = Math.min(caching.ttlMs, this.#limits.cacheTtlMsMax);
        this.#telemetry.record({ name: 'cache-read', outcome: 'loaded' });
        const isSmall =
          name.length <= this.#limits.cacheNameCharsMax &&
          tags.length <= this.#limits.cacheTagsMax &&
          text.length <= this.#limits.cacheValueCharsMax;
        if (!isSmall) this.#telemetry.record({ name: 'cache-refused', reason: 'too-large' });
        else
          this.#keep(
            full,
            text,
            tags.map((tag) => scoped(tenantId, tag)),
            ttlMs,
            at,
          );
        return text;
      },
    );
    return JSON.parse(text) as T;
  }

  async invalidate(tenantId: string, tags: readonly string[]): Promise<Invalidated> {
    assertTenant(tenantId);
    this.#at += 1;
    // Nobody stands before this who is still under way.
    if (this.#loads.size === 0) this.#recent.clear();
    for (const one of tags) {
      const tag = scoped(tenantId, one);
      for (const entry of [...(this.#byTag.get(tag) ?? [])]) this.#drop(entry);
      if (this.#loads.size > 0) this.#recent.set(tag, this.#at);
    }
    if (this.#recent.size > this.#limits.cacheTagsWaitingMax) {
      this.#recent.clear();
      this.#keptFrom = this.#at;
    }
    return 'told';
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const entry of this.#entries.values()) this.#drop(entry);
  }

  #look(name: string): Found<Fence> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return { fence: String(this.#at), at: this.#at };
    if (entry.untilMs <= this.#clock.now()) {
      this.#drop(entry);
      return this.#look(name);
    }
    this.#recency.use(entry);
    this.#telemetry.record({ name: 'cache-read', outcome: 'hit' });
    return { text: entry.text };
  }

  #keep(name: string, text: string, tags: readonly string[], ttlMs: number, at: number): void {
    const isStale = at < this.#keptFrom || tags.some((tag) => (this.#recent.get(tag) ?? 0) > at);
    if (isStale) this.#telemetry.record({ name: 'cache-refused', reason: 'invalidated' });
    if (isStale || this.#isClosed) return;
    const earlier = this.#entries.get(name);
    if (earlier !== undefined) this.#drop(earlier);
    const untilMs = this.#clock.now() + ttlMs;
    const entry: Entry = { name, text, tags, untilMs, older: null, newer: null };
    this.#entries.set(name, entry);
    this.#recency.use(entry);
    this.#chars += text.length;
    for (const tag of tags) this.#byTag.set(tag, (this.#byTag.get(tag) ?? new Set()).add(entry));
    for (const oldest of this.#recency) {
      const { cacheCharsMax, cacheEntriesMax } = this.#limits;
      if (this.#entries.size <= cacheEntriesMax && this.#chars <= cacheCharsMax) break;
      this.#drop(oldest);
    }
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry.name);
    this.#recency.remove(entry);
    this.#chars -= entry.text.length;
    for (const tag of entry.tags) {
      const entries = this.#byTag.get(tag);
      entries?.delete(entry);
      if (entries?.size === 0) this.#byTag.delete(tag);
    }
  }
}

/** A tenant has no slash, so that no two pairs make the same text. */
function scoped(tenantId: string, text: string): string {
  return `${tenantId}/${text}`;
}
