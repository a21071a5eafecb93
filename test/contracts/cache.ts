/** The exam of every Cache. `make` gives a fresh, empty one each time, as two nodes have it. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cache, Caching, Limits } from '#runtime';
import { quiet } from '#test/clock';
import { until } from '#test/until';

export interface CacheUnderTest {
  /** Two nodes on one cache; the same one twice where it is one node's. */
  readonly nodes: readonly [Cache, Cache];
  readonly dispose: () => Promise<void>;
}

/** What the factory must hold its caches to, so that a test reaches them. */
export const cacheTestLimits = {
  cacheNameCharsMax: 200,
  cacheTagsMax: 20,
  cacheValueCharsMax: 10_000,
  cacheWaitMs: 300,
  cacheLeaseMs: 1_000,
} satisfies Partial<Limits>;

/** Cached for long, and dependent on nothing, or on some tags whatever the value. */
const onTags = (...tags: string[]): Caching<unknown> => ({ ttlMs: 60_000, tags: () => tags });
const key = (name: string, tenantId = 'acme') => ({ tenantId, name });

/** Loads that end when the test says so. */
class Gate {
  loads = 0;
  readonly #open: (() => void)[] = [];

  readonly load =
    <T>(value: () => T) =>
    async (): Promise<T> => {
      this.loads += 1;
      // Read now, handed over when the gate opens: the slow reader.
      const read = value();
      await new Promise<void>((resolve) => this.#open.push(resolve));
      return read;
    };

  get waiting(): number {
    return this.#open.length;
  }

  /** Lets the one that waits longest go. */
  open(): void {
    this.#open.shift()?.();
  }

  /** Lets all go, those too that come, until these are over. */
  async openUntil<T>(reads: readonly Promise<T>[]): Promise<T[]> {
    let isOver = false;
    const over = Promise.all(reads).finally(() => {
      isOver = true;
    });
    const opened = until('all are through', () => {
      this.open();
      return isOver;
    });
    return (await Promise.all([over, opened]))[0];
  }
}

export function describeCache(name: string, make: () => Promise<CacheUnderTest>): void {
  describe(name, () => {
    let under: CacheUnderTest;
    let [here, there] = [] as unknown as readonly [Cache, Cache];
    let loads = 0;
    const counted = (value: unknown) => async () => {
      loads += 1;
      return value;
    };
    beforeEach(async () => {
      under = await make();
      [here, there] = under.nodes;
      loads = 0;
    });
    afterEach(() => under.dispose());

    it('shares nothing with another cache of the same factory', async () => {
      const other = await make();
      try {
        await here.through(key('q'), onTags(), counted('mine'));
        expect(await other.nodes[0].through(key('q'), onTags(), counted('yours'))).toBe('yours');
      } finally {
        await other.dispose();
      }
    });

    it('loads once and then answers, on every node', async () => {
      const value = { name: 'Zoë 🦊\u0000', deep: [[{ '': null }]], n: 1.5e-7, no: false };
      for (const node of [here, there, here]) {
        expect(await node.through(key('q'), onTags('t'), counted(value))).toEqual(value);
      }
      expect(loads).toBe(1);
    });

    it.each([[null], [0], [''], [false], [[]]])('keeps %j as it keeps anything', async (value) => {
      await here.through(key('q'), onTags(), counted(value));
      expect(await there.through(key('q'), onTags(), counted('another'))).toEqual(value);
    });

    it('keeps questions and tenants apart, whatever they are made of', async () => {
      const keys = [
        key('a'),
        key('a/b'),
        key('b', 'acme.a'),
        key('{a}'),
        key('}a'),
        key('a', 'beta'),
        key('a:clock'),
        key(''),
        key('*'),
        key('é\u0000\n'),
      ];
      for (const [i, one] of keys.entries()) await here.through(one, onTags('t'), counted(i));
      for (const [i, one] of keys.entries()) {
        expect(await there.through(one, onTags('t'), counted('another'))).toBe(i);
      }
    });

    it('gives each caller a copy of its own, the first one too', async () => {
      const value = { list: [1], at: new Date(0) };
      const first = await here.through<unknown>(key('q'), onTags(), async () => value);
      expect(first).toEqual({ list: [1], at: '1970-01-01T00:00:00.000Z' });
      (first as typeof value).list.push(2);
      value.list.push(3);
      const second = await here.through<unknown>(key('q'), onTags(), counted(null));
      expect(second).toEqual({ list: [1], at: '1970-01-01T00:00:00.000Z' });
    });

    it('passes on what a load rejects with, and keeps nothing', async () => {
      const failure = new Error('the store is away');
      const failing = async () => {
        throw failure;
      };
      await expect(here.through(key('q'), onTags(), failing)).rejects.toBe(failure);
      expect(await there.through(key('q'), onTags(), counted('well'))).toBe('well');
    });

    it.each([[undefined], [1n], [() => 1]])('refuses %s, which is no JSON', async (value) => {
      await expect(here.through(key('q'), onTags(), counted(value))).rejects.toMatchObject({
        code: 'INVARIANT_BROKEN',
      });
    });

    it('refuses a tenant that is none', async () => {
      for (const tenantId of ['', 'a}b', 'a/b', 'é', 'x'.repeat(65)]) {
        const refused = { code: 'INVARIANT_BROKEN' };
        const read = here.through(key('q', tenantId), onTags(), counted(1));
        await expect(read).rejects.toMatchObject(refused);
        await expect(here.invalidate(tenantId, ['t'])).rejects.toMatchObject(refused);
      }
    });

    it('forgets an answer when its time is over', async () => {
      const brief: Caching<unknown> = { ttlMs: 30, tags: () => ['t'] };
      await here.through(key('brief'), brief, counted('old'));
      await here.through(key('long'), onTags('t'), counted('old'));
      await until('the brief one is loaded again', async () => {
        return (await there.through(key('brief'), brief, counted('new'))) === 'new';
      });
      expect(await there.through(key('long'), onTags('t'), counted('new'))).toBe('old');
    });

    it('forgets what depends on any of the tags that are invalidated, and nothing else', async () => {
      await here.through(key('ab'), onTags('a', 'b'), counted('old'));
      await here.through(key('bc'), onTags('b', 'c', 'c'), counted('old'));
      await here.through(key('d'), onTags('d'), counted('old'));
      await here.through(key('none'), onTags(), counted('old'));
      await here.through(key('ab', 'beta'), onTags('a'), counted('old'));
      expect(await here.invalidate('acme', ['a', 'x', 'c', 'a'])).toBe('told');
      for (const [name, tenantId, value] of [
        ['ab', 'acme', 'new'],
        ['bc', 'acme', 'new'],
        ['d', 'acme', 'old'],
        ['none', 'acme', 'old'],
        ['ab', 'beta', 'old'],
      ] as const) {
        const tags = { ab: ['a', 'b'], bc: ['b', 'c'], d: ['d'], none: [] }[name];
        const read = there.through(key(name, tenantId), onTags(...tags), counted('new'));
        expect(`${name}: ${await read}`).toBe(`${name}: ${value}`);
      }
    });

    it('goes by the tags of the answer that is kept, not by those of a later question', async () => {
      const caching: Caching<string[]> = { ttlMs: 60_000, tags: (value) => value };
      await here.through(key('q'), caching, async () => ['a']);
      await here.invalidate('acme', ['b']);
      expect(await there.through(key('q'), caching, async () => ['b'])).toEqual(['a']);
      await here.invalidate('acme', ['a']);
      expect(await there.through(key('q'), caching, async () => ['b'])).toEqual(['b']);
    });

    it('takes no tag, and more than fit into one step', async () => {
      await here.through(key('q'), onTags('t4999'), counted('old'));
      expect(await here.invalidate('acme', [])).toBe('told');
      expect(await there.through(key('q'), onTags('t4999'), counted('new'))).toBe('old');
      const many = Array.from({ length: 5_000 }, (_, i) => `t${i}`);
      expect(await here.invalidate('acme', many)).toBe('told');
      expect(await there.through(key('q'), onTags('t4999'), counted('new'))).toBe('new');
    });

    it('keeps what a load gives while other tags of the tenant are invalidated', async () => {
      // Of a tag that it has not seen before it can't know better.
      await here.through(key('first'), onTags('t'), counted(1));
      const gate = new Gate();
      const read = here.through(
        key('q'),
        onTags('t'),
        gate.load(() => 'kept'),
      );
      await until('the load is under way', () => gate.waiting === 1);
      await there.invalidate('acme', ['other']);
      gate.open();
      await read;
      expect(await there.through(key('q'), onTags('t'), counted('another'))).toBe('kept');
    });

    it.each(['this node', 'the other'])(
      'keeps nothing that was read before an invalidation from %s',
      async (from) => {
        let value = 'old';
        const gate = new Gate();
        const slow = here.through(
          key('q'),
          onTags('t'),
          gate.load(() => value),
        );
        await until('the load is under way', () => gate.waiting === 1);
        value = 'new';
        await (from === 'this node' ? here : there).invalidate('acme', ['t']);
        gate.open();
        expect(await slow).toBe('old');
        expect(await here.through(key('q'), onTags('t'), counted('new'))).toBe('new');
        expect(await there.through(key('q'), onTags('t'), counted('newer'))).toBe('new');
      },
    );

    it('lets no load that was overtaken displace a fresher answer', async () => {
      const gate = new Gate();
      const slow = here.through(
        key('q'),
        onTags('t'),
        gate.load(() => 'old'),
      );
      await until('the load is under way', () => gate.waiting === 1);
      await there.invalidate('acme', ['t']);
      const fresher = there.through(key('q'), onTags('t'), counted('new'));
      // On one node the fresher one begins when the slow one is over.
      if (here !== there) await fresher;
      gate.open();
      expect([await slow, await fresher]).toEqual(['old', 'new']);
      expect(await here.through(key('q'), onTags('t'), counted('newer'))).toBe('new');
    });

    it('gives nobody who asks after an invalidation what is loaded since before it', async () => {
      let value = 'old';
      const gate = new Gate();
      const slow = here.through(
        key('q'),
        onTags('t'),
        gate.load(() => value),
      );
      await until('the load is under way', () => gate.waiting === 1);
      value = 'new';
      await there.invalidate('acme', ['t']);
      const later = [here, there].map((node) =>
        node.through(
          key('q'),
          onTags('t'),
          gate.load(() => value),
        ),
      );
      expect(await gate.openUntil([slow, ...later])).toEqual(['old', 'new', 'new']);
    });

    it('loads once for all who ask at the same time, over nodes', async () => {
      const gate = new Gate();
      const reads = Array.from({ length: 50 }, (_, i) =>
        [here, there][i % 2]!.through(
          key('q'),
          onTags('t'),
          gate.load(() => 'answer'),
        ),
      );
      await until('the load is under way', () => gate.waiting === 1);
      gate.open();
      expect(new Set(await Promise.all(reads))).toEqual(new Set(['answer']));
      expect(gate.loads).toBe(1);
    });

    it('lets another node load for itself when one takes too long', async () => {
      const gate = new Gate();
      const slow = here.through(
        key('q'),
        onTags('t'),
        gate.load(() => 'slow'),
      );
      await until('the load is under way', () => gate.waiting === 1);
      if (here !== there) {
        expect(await there.through(key('q'), onTags('t'), counted('quick'))).toBe('quick');
      }
      gate.open();
      expect(await slow).toBe('slow');
    });

    it('gives the question back when a load fails, to the next in line', async () => {
      const gate = new Gate();
      const failing = here.through(key('q'), onTags('t'), async () => {
        await gate.load(() => null)();
        throw new Error('the store is away');
      });
      const failed = expect(failing).rejects.toThrow('the store is away');
      await until('the load is under way', () => gate.waiting === 1);
      if (here !== there) {
        const next = there.through(key('q'), onTags('t'), counted('well'));
        gate.open();
        expect(await next).toBe('well');
      }
      gate.open();
      await failed;
      await here.through(key('q'), onTags('t'), counted('well'));
      expect(loads).toBe(1);
    });

    it.each<[string, string, string[], unknown]>([
      ['a name', 'n'.repeat(201), [], 'v'],
      ['many tags', 'q', Array.from({ length: 21 }, (_, i) => `t${i}`), 'v'],
      ['a value', 'q', [], 'v'.repeat(10_000)],
    ])('answers and does not keep what is beyond its bounds: %s', async (_, name, tags, value) => {
      for (const node of [here, there]) {
        expect(await node.through(key(name), onTags(...tags), counted(value))).toBe(value);
      }
      expect(loads).toBe(2);
    });

    it('still loads when it is closed', async () => {
      await here.through(key('q'), onTags(), counted('kept'));
      await here.close();
      expect(await here.through(key('q'), onTags(), counted('loaded'))).toBe('loaded');
    });

    it('serves nothing older than an invalidation, whatever interleaves', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
          const fresh = await make();
          try {
            await play(fresh.nodes, steps);
          } finally {
            await fresh.dispose();
          }
        }),
        { numRuns: 60, endOnFailure: true },
      );
    });
  });
}

const sources = ['a', 'b', 'c'] as const;
type Source = (typeof sources)[number];
/** A question reads some sources, one after the other; its tags are those. */
const questions: readonly (readonly Source[])[] = [['a'], ['b'], ['a', 'b'], ['b', 'c'], ['c']];

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      node: fc.nat(1),
      question: fc.nat(4),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      node: fc.nat(1),
      source: fc.constantFrom(...sources),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('open' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** The plain model: a number a source, which only grows; who asks after a change must not see less. */
async function play(nodes: readonly [Cache, Cache], steps: readonly Step[]): Promise<void> {
  const current: Record<Source, number> = { a: 0, b: 0, c: 0 };
  const told: Record<Source, number> = { a: 0, b: 0, c: 0 };
  const gate = new Gate();
  const caching: Caching<Partial<Record<Source, number>>> = {
    ttlMs: 60_000,
    tags: (value) => Object.keys(value),
  };
  const under: Promise<unknown>[] = [];
  for (const one of steps) {
    if (one.do === 'read') {
      const about = questions[one.question]!;
      const least = { ...told };
      const read = nodes[one.node]!.through(
        key(about.join()),
        caching,
        gate.load(() => Object.fromEntries(about.map((source) => [source, current[source]]))),
      );
      under.push(
        read.then((value) => {
          for (const source of about) expect(value[source]).toBeGreaterThanOrEqual(least[source]);
        }),
      );
    } else if (one.do === 'change') {
      const { node, source } = one;
      current[source] += 1;
      const value = current[source];
      under.push(
        nodes[node]!.invalidate('acme', [source]).then((outcome) => {
          expect(outcome).toBe('told');
          told[source] = Math.max(told[source], value);
        }),
      );
    } else if (one.do === 'open') {
      gate.open();
    } else {
      for (let turn = 0; turn < 5; turn++) await quiet();
    }
  }
  await gate.openUntil(under);
}
