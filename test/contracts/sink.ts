/**
 * The exam of every store of generations: what `runtime/ports/sink.ts` promises, with the graph as
 * the projection whose rows are looked at.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type GraphChange, graphProjection } from '#projections';
import type { Generations, RecordedEvent, Sink } from '#runtime';
import { effort } from '#test/effort';
import {
  deletionSuperseded,
  entityCreated,
  entityDeleted,
  entityUpdated,
  linkActivated,
  recorded,
  unlinkSuperseded,
} from '#test/events';
import { anyHistory, type GraphRows, graphAfter } from '#test/graph-model';

export interface SinksUnderTest {
  /** Nothing in it. */
  clear(): Promise<void>;
  /** Generations on the data as it is; each call is another node. */
  generations(): Promise<Generations<GraphChange>>;
  /** Generations after all nodes have crashed. */
  restart(): Promise<Generations<GraphChange>>;
  /** What readers see. */
  rows(): Promise<GraphRows>;
  /** Changes of which the last can't be written. */
  poison(events: readonly RecordedEvent[]): readonly GraphChange[];
  dispose(): Promise<void>;
}

type Generation = Sink<GraphChange>;

function changesOf(events: readonly RecordedEvent[]): readonly GraphChange[] {
  return events.flatMap((event) => graphProjection.project(event));
}

function batchOf(events: readonly RecordedEvent[], from: number) {
  return { changes: changesOf(events), from, to: events.at(-1)!.position };
}

/** Applies a history in batches of these sizes, over and over. */
async function play(
  sink: Generation,
  events: readonly RecordedEvent[],
  sizes: readonly number[] = [events.length],
): Promise<void> {
  let from = await sink.position();
  for (let start = 0, turn = 0; start < events.length; turn++) {
    const batch = batchOf(events.slice(start, start + sizes[turn % sizes.length]!), from);
    expect(await sink.apply(batch)).toBe(batch.to);
    from = batch.to;
    start += sizes[turn % sizes.length]!;
  }
}

const history = recorded([
  entityCreated({ id: 'a', properties: { title: 'first' } }),
  entityCreated({ id: 'b', properties: { title: 'second' } }),
  entityUpdated({ id: 'a', properties: { title: 'changed', n: 1 } }),
  entityDeleted({ id: 'b' }),
]);

export function describeSinks(name: string, make: () => Promise<SinksUnderTest>): void {
  describe(name, () => {
    let under: SinksUnderTest;
    let generations: Generations<GraphChange>;
    beforeAll(async () => {
      under = await make();
    });
    afterAll(() => under.dispose());
    beforeEach(async () => {
      await under.clear();
      generations = await under.generations();
    });
    const live = async (): Promise<Generation> => (await generations.live()).sink;

    it('starts empty at position 0, as the version of its code', async () => {
      const { sink, version } = await generations.live();
      expect(version).toBe(graphProjection.version);
      expect(await sink.position()).toBe(0);
      expect(await under.rows()).toEqual({ nodes: [], edges: [] });
    });

    it('keeps rows and checkpoint over a restart', async () => {
      await play(await live(), history, [3, 1]);
      const again = (await (await under.restart()).live()).sink;
      expect(await again.position()).toBe(4);
      expect(await under.rows()).toEqual(graphAfter(history));
    });

    it('moves its checkpoint over a stretch without changes', async () => {
      const sink = await live();
      expect(await sink.apply({ changes: [], from: 0, to: 10_000 })).toBe(10_000);
      expect(await sink.position()).toBe(10_000);
    });

    it('applies nothing for a runner that is behind, and says where it stands', async () => {
      await play(await live(), history);
      const late = (await (await under.generations()).live()).sink;
      const again = recorded([entityCreated({ id: 'a' })]);
      expect(await late.apply(batchOf(again, 0))).toBe(4);
      expect(await under.rows()).toEqual(graphAfter(history));
    });

    it('lets one of two runners apply a batch, and tells the other', async () => {
      const runners = [await live(), (await (await under.generations()).live()).sink];
      const answers = await Promise.all([
        runners[0]!.apply(batchOf(history, 0)),
        runners[1]!.apply({ ...batchOf(history, 0), to: 9 }),
      ]);
      const position = await runners[0]!.position();
      expect([4, 9]).toContain(position);
      expect(answers).toEqual([position, position]);
      expect(await under.rows()).toEqual(graphAfter(history));
    });

    it('leaves neither rows nor checkpoint of a batch that fails', async () => {
      const sink = await live();
      await play(sink, history.slice(0, 2));
      const bad = { changes: under.poison(history.slice(2)), from: 2, to: 4 };
      await expect(sink.apply(bad)).rejects.toThrow();
      expect(await sink.position()).toBe(2);
      expect(await under.rows()).toEqual(graphAfter(history.slice(0, 2)));
      await play(sink, history.slice(2));
      expect(await under.rows()).toEqual(graphAfter(history));
    });

    it('takes away what a late removal names, in the batch of its writing or in a later one', async () => {
      const removing = recorded([
        entityCreated({ id: 'a', properties: { old: 1, new: 2 } }),
        deletionSuperseded({ id: 'a', removed: ['old'] }),
        linkActivated({ id: 'l', from: 'a', to: 'a', properties: { old: 1, new: 2 } }),
        unlinkSuperseded({ id: 'l', removed: ['old'] }),
      ]);
      for (const size of [1, 4]) {
        await under.clear();
        await play((await (await under.generations()).live()).sink, removing, [size]);
        expect(await under.rows()).toMatchObject({
          nodes: [{ properties: { new: 2 } }],
          edges: [{ properties: { new: 2 } }],
        });
        expect(await under.rows()).toEqual(graphAfter(removing));
      }
    });

    it('shows the rows that the events mean, whatever the batches', async () => {
      await fc.assert(
        fc.asyncProperty(anyHistory, batchSizes, async (events, sizes) => {
          await under.clear();
          await play((await (await under.generations()).live()).sink, events, sizes);
          expect(await under.rows()).toEqual(graphAfter(events));
        }),
        { numRuns: effort(8, 25) },
      );
    });

    it('digests the same rows to the same checksum, whatever the batches and the way', async () => {
      await fc.assert(
        fc.asyncProperty(anyHistory, batchSizes, batchSizes, async (events, sizes, others) => {
          await under.clear();
          const fresh = await under.generations();
          const { sink } = await fresh.live();
          await play(sink, events, sizes);
          const built = await fresh.begin();
          await play(built, events, others);
          expect(await built.checksum()).toEqual(await sink.checksum());
          await fresh.discard(built);
        }),
        { numRuns: effort(8, 20) },
      );
    });

    it('digests different rows to different checksums', async () => {
      const sink = await live();
      const digests = [await sink.checksum()];
      for (const event of history) {
        await play(sink, [event]);
        digests.push(await sink.checksum());
      }
      expect(digests.map(({ rows }) => rows)).toEqual([0, 1, 2, 2, 1]);
      expect(digests.map(({ position }) => position)).toEqual([0, 1, 2, 3, 4]);
      expect(new Set(digests.map(({ digest }) => digest)).size).toBe(5);
    });

    describe('a new generation', () => {
      it('is seen by nobody until it takes the place of the old one', async () => {
        const old = await live();
        await play(old, history);
        const built = await generations.begin();
        expect(built.generation).toBeGreaterThan(old.generation);
        expect(await built.position()).toBe(0);
        await play(built, history.slice(0, 2));
        expect(await under.rows()).toEqual(graphAfter(history));
        await generations.promote(built);
        expect(await under.rows()).toEqual(graphAfter(history.slice(0, 2)));
        const sink = await live();
        expect(sink.generation).toBe(built.generation);
        await play(sink, history.slice(2));
        expect(await under.rows()).toEqual(graphAfter(history));
      });

      it('refuses a runner of the old one, which then finds the new one', async () => {
        const old = await live();
        const built = await generations.begin();
        await play(built, history.slice(0, 2));
        await generations.promote(built);
        const refusal = { code: 'READ_STORE_UNAVAILABLE' };
        await expect(old.apply(batchOf(history, 0))).rejects.toMatchObject(refusal);
        await expect(old.position()).rejects.toMatchObject(refusal);
        expect(await under.rows()).toEqual(graphAfter(history.slice(0, 2)));
      });

      it('is guarded like the live one', async () => {
        const built = await generations.begin();
        await play(built, history.slice(0, 2));
        expect(await built.apply(batchOf(history, 0))).toBe(2);
        await generations.promote(built);
        expect(await under.rows()).toEqual(graphAfter(history.slice(0, 2)));
      });

      it('leaves no trace where it is discarded', async () => {
        await play(await live(), history);
        const built = await generations.begin();
        await play(built, history.slice(0, 1));
        await generations.discard(built);
        await generations.discard(built);
        expect(await under.rows()).toEqual(graphAfter(history));
        const next = await generations.begin();
        expect(await next.position()).toBe(0);
        expect((await next.checksum()).rows).toBe(0);
        await generations.discard(next);
      });

      it('can not be discarded any more once it is live', async () => {
        const built = await generations.begin();
        await play(built, history);
        await generations.promote(built);
        await generations.discard(built);
        expect(await under.rows()).toEqual(graphAfter(history));
        expect(await (await live()).position()).toBe(4);
      });

      it('that a crash left behind gives way to a new one', async () => {
        const left = await generations.begin();
        await play(left, history.slice(0, 1));
        await left.checksum();
        const after = await under.restart();
        await after.live();
        const built = await after.begin();
        expect(await built.position()).toBe(0);
        await play(built, history);
        await after.promote(built);
        expect(await under.rows()).toEqual(graphAfter(history));
        await expect(generations.promote(left)).rejects.toThrow();
        expect(await under.rows()).toEqual(graphAfter(history));
      });

      it('that a crash left behind is gone on with, and its builder can write no more', async () => {
        const left = await generations.begin(4);
        await play(left, history.slice(0, 2));
        await left.checksum();
        const after = await under.restart();
        await after.live();
        const built = await after.begin(4);
        expect(built.generation).toBeGreaterThan(left.generation);
        expect(await built.position()).toBe(2);
        await expect(generations.promote(left)).rejects.toThrow();
        await play(built, history.slice(2));
        await after.promote(built);
        expect(await under.rows()).toEqual(graphAfter(history));
      });

      it('that was let go is gone on with, as often as it takes', async () => {
        for (const [at, event] of history.entries()) {
          const built = await generations.begin(4);
          expect(await built.position()).toBe(at);
          await play(built, [event]);
          await built.checksum();
          if (at % 2 === 0) await generations.complete(built);
          await generations.leave(built);
        }
        const built = await generations.begin(4);
        await generations.promote(built);
        expect(await under.rows()).toEqual(graphAfter(history));
      });

      it('that holds more than the log does is not gone on with', async () => {
        const left = await generations.begin(4);
        await play(left, history);
        await left.checksum();
        await generations.leave(left);
        const built = await generations.begin(3);
        expect(await built.position()).toBe(0);
        expect((await built.checksum()).rows).toBe(0);
        await generations.discard(built);
      });

      it('takes batches though it is complete', async () => {
        const built = await generations.begin();
        await play(built, history.slice(0, 2));
        await generations.complete(built);
        await play(built, history.slice(2));
        await generations.promote(built);
        expect(await under.rows()).toEqual(graphAfter(history));
      });

      it('shows in the list with the live one', async () => {
        await play(await live(), history);
        const built = await generations.begin();
        const { version } = graphProjection;
        expect(await generations.list()).toMatchObject([
          { version, position: 4, state: 'live' },
          { number: built.generation, version, position: 0, state: 'building' },
        ]);
        await generations.discard(built);
        expect(await generations.list()).toHaveLength(1);
      });
    });

    describe('a generation that is kept', () => {
      async function keepOld(seen: number): Promise<Generation> {
        await play(await live(), history.slice(0, 2));
        const built = await generations.begin();
        await play(built, history.slice(0, seen));
        await generations.promote(built, { keepsOld: true });
        return live();
      }

      it('stays where it is, seen by nobody, over a restart', async () => {
        await play(await keepOld(2), history.slice(2));
        const after = await under.restart();
        await after.live();
        expect(await under.rows()).toEqual(graphAfter(history));
        expect((await after.list()).map(({ state, position }) => [state, position])).toEqual([
          ['kept', 2],
          ['live', 4],
        ]);
      });

      it('is caught up and takes the place of the live one, which is kept then', async () => {
        const replaced = await keepOld(3);
        const kept = (await generations.kept())!;
        expect(await kept.position()).toBe(2);
        await play(kept, history.slice(2), [1]);
        expect(await under.rows()).toEqual(graphAfter(history.slice(0, 3)));
        await generations.promote(kept, { keepsOld: true });
        expect(await under.rows()).toEqual(graphAfter(history));
        await expect(replaced.position()).rejects.toMatchObject({ code: 'READ_STORE_UNAVAILABLE' });
        expect((await generations.list()).map(({ state }) => state)).toEqual(['live', 'kept']);
      });

      it('keeps what it was caught up with where it is let go', async () => {
        await keepOld(4);
        const kept = (await generations.kept())!;
        await play(kept, history.slice(2, 3));
        await generations.leave(kept);
        const again = (await generations.kept())!;
        expect(await again.position()).toBe(3);
        await generations.leave(again);
      });

      it('is none where nobody asked for it, or a later build did not', async () => {
        expect(await generations.kept()).toBeNull();
        await keepOld(2);
        const built = await generations.begin();
        await play(built, history);
        await generations.promote(built);
        expect(await generations.kept()).toBeNull();
        expect(await generations.list()).toMatchObject([{ state: 'live', position: 4 }]);
      });
    });
  });
}

const batchSizes = fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 4 });
