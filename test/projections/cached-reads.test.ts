/** Reads through the cache are what the graph says, whatever happened since they were kept. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryCache } from '#adapters/memory';
import {
  CachedReads,
  type Direction,
  GraphQueries,
  graphPlan,
  graphProjection,
  StoredGenerations,
} from '#projections';
import { limits, type ReadStore, type Sink } from '#runtime';
import { Chance } from '#test/chance';
import { ManualClock, quiet } from '#test/clock';
import {
  entityCreated,
  entityDeleted,
  entityUpdated,
  type Fact,
  History,
  linkActivated,
  linkRemoved,
  linkSuspended,
  linkUpdated,
} from '#test/events';
import { type FeedInHand, feedInHand } from '#test/feed';
import { chosenKinds, empty, type StoreUnderTest } from '#test/read-stores';
import { Recorder } from '#test/telemetry';

type Reads = Pick<GraphQueries, 'entity' | 'neighbours' | 'neighbourhood'>;
type Question = (reads: Reads) => Promise<unknown>;

/** A graph, its cache, and the feed that makes the cache forget. */
class Bench {
  readonly clock = new ManualClock();
  readonly telemetry = new Recorder();
  readonly graph: GraphQueries;
  readonly cached: CachedReads;
  readonly cache: MemoryCache;
  generation: number | null = 1;
  readonly #history = new History();
  readonly #store: ReadStore;
  #feed!: FeedInHand;
  #sink!: Sink<never>;
  #applied = 0;

  constructor(store: ReadStore) {
    this.#store = store;
    this.cache = new MemoryCache(this);
    this.graph = new GraphQueries(store);
    const generation = () => this.generation;
    this.cached = new CachedReads({ cache: this.cache, graph: this.graph, store, generation });
  }

  async open(facts: readonly Fact[] = []): Promise<this> {
    await empty(this.#store);
    this.#sink = (await new StoredGenerations(this.#store, graphPlan).live()).sink as Sink<never>;
    this.#feed = await feedInHand({ cache: this.cache });
    await this.happens(...facts);
    return this;
  }

  close(): Promise<void> {
    return this.#feed.feed.stop();
  }

  /** Resolves when the rows are there and the feed has passed them. */
  async happens(...facts: readonly Fact[]): Promise<void> {
    const events = facts.map((fact) => this.#history.record(fact));
    const changes = events.flatMap((event) => graphProjection.project(event)) as never[];
    this.#applied = await this.#sink.apply({
      changes,
      from: this.#applied,
      to: this.#history.head,
    });
    await this.#feed.happens(events);
    for (let turn = 0; turn < 200 && this.#feed.feed.position < this.#applied; turn++) {
      await quiet();
    }
    expect(this.#feed.feed.position).toBe(this.#applied);
  }

  /** How often the cache answered. */
  get hits(): number {
    return this.telemetry.all('cache-read').filter(({ outcome }) => outcome === 'hit').length;
  }

  /** Through the cache the answer is what the graph says now. */
  async agrees(question: Question): Promise<void> {
    expect(await outcomeOf(question, this.cached)).toEqual(await outcomeOf(question, this.graph));
  }
}

async function outcomeOf(question: Question, reads: Reads): Promise<unknown> {
  try {
    return await question(reads);
  } catch (thrown) {
    return (thrown as { code: unknown }).code;
  }
}

const neighboursOf =
  (id: string, limit = 50, direction: Direction = 'both'): Question =>
  (reads) =>
    reads.neighbours('acme', id, { limit, direction });
const neighbourhoodOf =
  (id: string, depth = 1): Question =>
  (reads) =>
    reads.neighbourhood('acme', id, depth);

for (const { make, name } of chosenKinds) {
  describe(`cached reads of ${name}`, () => {
    let opened: StoreUnderTest;
    let bench: Bench;
    beforeAll(async () => {
      opened = await make();
    });
    afterAll(() => opened.dispose());
    beforeEach(() => {
      bench = new Bench(opened.store);
    });

    it.each<[string, Question]>([
      ['an entity', (reads) => reads.entity('acme', 'a')],
      ['its neighbours', neighboursOf('a')],
      ['its neighbourhood', neighbourhoodOf('a')],
    ])('ask the store once for %s, until it changes', async (_, question) => {
      await bench.open([
        entityCreated({ id: 'a' }),
        entityCreated({ id: 'b' }),
        linkActivated({ from: 'a', to: 'b' }),
        entityCreated({ id: 'c' }),
      ]);
      const first = await question(bench.cached);
      await bench.happens(entityUpdated({ id: 'c' }), entityCreated({ id: 'd' }));
      expect(await question(bench.cached)).toEqual(first);
      expect(bench.hits).toBe(1);
      const properties = { changed: true };
      await bench.happens(entityUpdated({ id: 'a', properties }), linkUpdated({ properties }));
      expect(await question(bench.cached)).not.toEqual(first);
      expect(bench.hits).toBe(1);
      await bench.agrees(question);
    });

    it('keep tenants and questions apart', async () => {
      await bench.open([
        entityCreated({ id: 'a' }),
        entityCreated({ tenantId: 'beta', id: 'a', type: 'PERSON' }),
      ]);
      expect((await bench.cached.entity('acme', 'a')).type).toBe('ISSUE');
      expect((await bench.cached.entity('beta', 'a')).type).toBe('PERSON');
      for (const depth of [1, 2]) {
        expect((await bench.cached.neighbourhood('acme', 'a', depth)).depth).toBe(depth);
      }
      expect(bench.hits).toBe(0);
    });

    it('do not keep that an entity is not there', async () => {
      await bench.open();
      const missing = { code: 'NOT_FOUND' };
      await expect(bench.cached.entity('acme', 'a')).rejects.toMatchObject(missing);
      await bench.happens(entityCreated({ id: 'a' }));
      expect(await bench.cached.entity('acme', 'a')).toMatchObject({ id: 'a' });
    });

    it.each<[string, Question]>([
      ['neighbours', neighboursOf('a')],
      ['a page of neighbours', neighboursOf('a', 1, 'out')],
      ['a neighbourhood', neighbourhoodOf('a')],
      ['a wide neighbourhood', neighbourhoodOf('z', 2)],
    ])('show a hidden relationship when its end is back: %s', async (_, question) => {
      await bench.open([
        entityCreated({ id: 'a' }),
        entityCreated({ id: 'b' }),
        entityCreated({ id: 'z' }),
        linkActivated({ id: 'l', from: 'a', to: 'b' }),
        linkActivated({ id: 'm', from: 'a', to: 'z' }),
        entityDeleted({ id: 'b' }),
      ]);
      const hidden = await question(bench.cached);
      await bench.happens(entityCreated({ id: 'b' }));
      expect(await question(bench.cached)).not.toEqual(hidden);
      await bench.agrees(question);
    });

    it('know when the entity goes that made a next page', async () => {
      await bench.open([
        entityCreated({ id: 'a' }),
        ...['b', 'c'].map((id) => entityCreated({ id })),
        ...['b', 'c'].map((id) => linkActivated({ id: `l${id}`, from: 'a', to: id })),
      ]);
      const page = () => bench.cached.neighbours('acme', 'a', { limit: 1, direction: 'out' });
      expect((await page()).next).not.toBe(null);
      await bench.happens(entityDeleted({ id: 'c' }));
      expect((await page()).next).toBe(null);
    });

    it('know when the entity goes for which a neighbourhood had no room', async () => {
      const crowd = Array.from({ length: limits.neighbourhoodNodesMax }, (_, n) => `e${1_000 + n}`);
      await bench.open([
        ...['a', ...crowd].map((id) => entityCreated({ id })),
        ...crowd.map((id) => linkActivated({ id: `l${id}`, from: 'a', to: id })),
      ]);
      const neighbourhood = () => bench.cached.neighbourhood('acme', 'a', 5);
      expect((await neighbourhood()).truncated).toBe(true);
      await neighbourhood();
      expect(bench.hits).toBe(1);
      await bench.happens(entityDeleted({ id: crowd.at(-1)! }));
      expect((await neighbourhood()).truncated).toBe(false);
    });

    it('keep nothing while the generation is not known, and each generation for itself', async () => {
      await bench.open([entityCreated({ id: 'a' })]);
      const read = () => bench.cached.entity('acme', 'a');
      bench.generation = null;
      await read();
      expect(bench.telemetry.all('cache-read')).toEqual([]);
      for (const generation of [1, 2]) {
        bench.generation = generation;
        await read();
      }
      expect(bench.hits).toBe(0);
      await read();
      expect(bench.hits).toBe(1);
    });

    it('are as old as limits.cachedReadMs at most where nobody tells of changes', async () => {
      await bench.open([entityCreated({ id: 'a' })]);
      await bench.cached.entity('acme', 'a');
      await bench.clock.advance(limits.cachedReadMs - 1);
      await bench.cached.entity('acme', 'a');
      expect(bench.hits).toBe(1);
      await bench.clock.advance(1);
      await bench.cached.entity('acme', 'a');
      expect(bench.hits).toBe(1);
    });

    it('are what the graph says, in any history, once its notifications are out', async () => {
      let hits = 0;
      for (let seed = 1; seed <= 4; seed++) {
        const run = new Bench(opened.store);
        await run.open();
        await play(run, new Chance(seed), `seed ${seed}`);
        await run.close();
        hits += run.hits;
      }
      expect(hits).toBeGreaterThan(30);
    }, 60_000);
  });
}

const entities = ['a', 'b', 'c', 'd'];
const links = ['k', 'l', 'm', 'n', 'o', 'p'];

/** Changes one after the other, with reads before, during and after each. */
async function play(bench: Bench, chance: Chance, label: string): Promise<void> {
  const world = new World(chance);
  for (let step = 0; step < 20; step++) {
    const underWay = Array.from({ length: chance.int(4) }, () =>
      outcomeOf(anyQuestion(chance), bench.cached),
    );
    await bench.happens(...Array.from({ length: 1 + chance.int(2) }, () => world.fact()));
    for (let reads = 0; reads < 6; reads++) {
      const question = anyQuestion(chance);
      const [cached, plain] = [
        await outcomeOf(question, bench.cached),
        await outcomeOf(question, bench.graph),
      ];
      expect(cached, `${label}, step ${step}`).toEqual(plain);
    }
    await Promise.all(underWay);
  }
}

function anyQuestion(chance: Chance): Question {
  const id = chance.pick(entities);
  const kind = chance.int(4);
  if (kind === 0) return (reads) => reads.entity('acme', id);
  if (kind === 1) return neighbourhoodOf(id, 1 + chance.int(3));
  const direction = chance.pick<Direction>(['out', 'in', 'both']);
  const request = { direction, limit: 1 + chance.int(3) };
  return async (reads) => {
    const page = await reads.neighbours('acme', id, request);
    if (page.next === null || kind === 2) return page;
    return reads.neighbours('acme', id, { ...request, cursor: page.next });
  };
}

/** Histories as actors make them, in which relationships hear late, or never, that an end is gone. */
class World {
  readonly #chance: Chance;
  readonly #present = new Set<string>();
  readonly #active = new Map<string, string>();

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  fact(): Fact {
    const chance = this.#chance;
    const properties = { n: chance.int(1_000) };
    if (chance.happens(0.5)) {
      const id = chance.pick(entities);
      if (!this.#present.has(id)) {
        this.#present.add(id);
        return entityCreated({ id, properties });
      }
      if (chance.happens(0.5)) return entityUpdated({ id, properties });
      this.#present.delete(id);
      return entityDeleted({ id });
    }
    const id = chance.pick(links);
    if (!this.#active.has(id)) {
      const [from, to] = [chance.pick(entities), chance.pick(entities)];
      this.#active.set(id, from);
      return linkActivated({ id, from, to, properties });
    }
    if (chance.happens(0.5)) return linkUpdated({ id, properties });
    this.#active.delete(id);
    return chance.happens(0.5) ? linkRemoved({ id }) : linkSuspended({ id });
  }
}
