/** Reads: streams and the global order, with filters; and random operations against a plain model. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventFilter, ExpectedRevision, Log, ReadStreamOptions } from '#runtime';
import { effort } from '#test/effort';
import { idsOf, newEvent, newEvents, newStream, revisionsOf } from './log-event.ts';
import { LogModel } from './log-model.ts';

export function describeReads(log: () => Log): void {
  describe('a stream', () => {
    it.each<[ReadStreamOptions, readonly number[]]>([
      [{}, [0, 1, 2, 3, 4]],
      [{ from: 0 }, [0, 1, 2, 3, 4]],
      [{ from: 3 }, [3, 4]],
      [{ from: 4 }, [4]],
      [{ from: 5 }, []],
      [{ from: 500 }, []],
      [{ limit: 2 }, [0, 1]],
      [{ from: 1, limit: 3 }, [1, 2, 3]],
      [{ limit: 500 }, [0, 1, 2, 3, 4]],
      [{ direction: 'backward' }, [4, 3, 2, 1, 0]],
      [{ direction: 'backward', limit: 1 }, [4]],
      [{ direction: 'backward', from: 2 }, [2, 1, 0]],
      [{ direction: 'backward', from: 2, limit: 2 }, [2, 1]],
      [{ direction: 'backward', from: 0 }, [0]],
      [{ direction: 'backward', from: 500, limit: 2 }, [4, 3]],
    ])('of five events read with %o gives %o', async (options, revisions) => {
      const [stream, other] = [newStream(), newStream()];
      const given = newEvents(5);
      for (const event of given) {
        await log().append(stream, [event], 'any');
        await log().append(other, newEvents(1), 'any');
      }
      const events = await log().readStream(stream, options);
      expect(revisionsOf(events)).toEqual(revisions);
      expect(idsOf(events)).toEqual(revisions.map((revision) => given[revision]!.id));
    });

    it('that does not exist is empty, in any direction', async () => {
      const stream = newStream();
      await log().append(stream, newEvents(1), 'no_stream');
      expect(await log().readStream(`${stream}0`)).toEqual([]);
      expect(await log().readStream(stream.slice(0, -1), { from: 3 })).toEqual([]);
      expect(await log().readStream(`${stream}0`, { direction: 'backward' })).toEqual([]);
    });
  });

  describe('the global order', () => {
    it('is read in pages from a position, exclusive, up to its end', async () => {
      const start = await log().head();
      expect(await log().readAll({ after: start, limit: 3 })).toEqual([]);
      const events = newEvents(7);
      for (const event of events) await log().append(newStream(), [event], 'any');
      const pages: string[][] = [];
      let after = start;
      for (;;) {
        const page = await log().readAll({ after, limit: 3 });
        if (page.length === 0) break;
        pages.push(idsOf(page));
        after = page.at(-1)!.position;
      }
      expect(pages.map(({ length }) => length)).toEqual([3, 3, 1]);
      expect(pages.flat()).toEqual(idsOf(events));
      expect(await log().head()).toBe(after);
    });

    it('tells its last event, which stands at its head', async () => {
      const stream = newStream();
      const events = newEvents(3);
      await log().append(stream, events, 'no_stream');
      const [, , last] = await log().readStream(stream);
      expect(await log().last()).toEqual(last);
      expect(last).toMatchObject({ id: events[2]!.id, position: await log().head() });
    });

    it.each<[EventFilter, string]>([
      [{}, 'abcde'],
      [{ categories: ['entity'] }, 'abe'],
      [{ categories: ['link', 'entities'] }, 'cd'],
      [{ types: ['Made'] }, 'ace'],
      [{ types: ['Made', 'Gone'] }, 'acde'],
      [{ categories: ['entity'], types: ['Made'] }, 'ae'],
      [{ categories: ['entity'], types: ['Gone'] }, ''],
      [{ categories: ['nobody'] }, ''],
      [{ categories: [] }, ''],
      [{ types: [] }, ''],
    ])('filtered by %o gives %s', async (filter, wanted) => {
      const after = await log().head();
      const stream = newStream();
      const places = [stream, stream, newStream('link'), newStream('entities'), 'entity'];
      const types = ['Made', 'Noted', 'Made', 'Gone', 'Made'];
      for (const [at, type] of types.entries()) {
        const data = 'abcde'[at];
        await log().append(places[at]!, [newEvent({ type, data })], 'any');
      }
      const read = async (limit: number) =>
        (await log().readAll({ after, filter, limit })).map(({ data }) => data).join('');
      expect(await read(10)).toBe(wanted);
      expect(await read(2)).toBe(wanted.slice(0, 2));
    });
  });

  it('answers random operations as a plain list does', async () => {
    const fewIds = Array.from({ length: 3 }, () => crypto.randomUUID());
    const expectation = fc.oneof(
      fc.constantFrom<ExpectedRevision>('any', 'no_stream', 'stream_exists'),
      fc.integer({ min: 0, max: 6 }),
    );
    const operation = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          stream: fc.constantFrom('entity-a/1', 'entity-a/2', 'link-a/1'),
          // Ids from a small supply, so that repeats and half repeats are common.
          ids: fc.array(fc.constantFrom(...fewIds), { minLength: 1, maxLength: 3 }),
          expected: expectation,
        }),
      },
      { weight: 1, arbitrary: fc.constant('repeat' as const) },
    );
    const options = fc.record(
      {
        from: fc.integer({ min: 0, max: 8 }),
        direction: fc.constantFrom('forward' as const, 'backward' as const),
        limit: fc.integer({ min: 1, max: 5 }),
      },
      { requiredKeys: [] },
    );

    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 20 }),
        options,
        async (operations, look) => {
          const start = await log().head();
          const model = new LogModel();
          const own = crypto.randomUUID();
          let last: (() => Promise<void>) | null = null;
          for (const chosen of operations) {
            if (chosen !== 'repeat') {
              const { ids, expected } = chosen;
              const stream = `${chosen.stream}/${own}`;
              const events = ids.map((id, at) =>
                newEvent({ id, type: at === 0 ? 'First' : 'Next' }),
              );
              last = async () => {
                const result = await log().append(stream, events, expected);
                const standing = events.map(({ id, type }) => ({ id, type, stream }));
                expect(result).toMatchObject(model.append(stream, standing, expected));
              };
            }
            await last?.();
          }
          for (const stream of new Set(model.all.map((event) => event.stream))) {
            const events = await log().readStream(stream, look);
            expect(idsOf(events)).toEqual(idsOf(model.stream(stream, look)));
          }
          const all = await log().readAll({ after: start, limit: 1_000 });
          expect(all.map(({ id, type, stream }) => ({ id, type, stream }))).toEqual(model.all);
          const filter = { categories: ['entity'], types: ['Next'] };
          const some = await log().readAll({ after: start, filter, limit: 1_000 });
          expect(idsOf(some)).toEqual(
            idsOf(
              model.all.filter(
                ({ stream, type }) => stream.startsWith('entity-') && type === 'Next',
              ),
            ),
          );
        },
      ),
      { numRuns: effort(20, 60) },
    );
  });
}
