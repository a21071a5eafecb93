/** Reads: streams and the global order, with filters; and random operations against a plain model. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventFilter, ExpectedRevision, Log, ReadStreamOptions } from '#runtime';
import { idsOf, newEvent, newEvents, placesOf, revisionsOf } from './log-event.ts';
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
      for (let revision = 0; revision < 5; revision++) {
        await log().append(
          'entity-acme/1',
          newEvents(1),
          revision === 0 ? 'no_stream' : revision - 1,
        );
        await log().append('entity-acme/2', newEvents(1), 'any');
      }
      const events = await log().readStream('entity-acme/1', options);
      expect(revisionsOf(events)).toEqual(revisions);
      expect(events.every(({ stream }) => stream === 'entity-acme/1')).toBe(true);
    });

    it('that does not exist is empty, in any direction', async () => {
      await log().append('entity-acme/1', newEvents(1), 'no_stream');
      expect(await log().readStream('entity-acme/10')).toEqual([]);
      expect(await log().readStream('entity-acme/', { from: 3 })).toEqual([]);
      expect(await log().readStream('entity-acme/10', { direction: 'backward' })).toEqual([]);
    });
  });

  describe('the global order', () => {
    it('is empty, with its end at 0, before the first append', async () => {
      expect(await log().head()).toBe(0);
      expect(await log().readAll({ after: 0, limit: 10 })).toEqual([]);
    });

    it('is read in pages from a position, exclusive, up to its end', async () => {
      const events = newEvents(7);
      for (const event of events) await log().append(`entity-acme/${event.id}`, [event], 'any');
      const pages: string[][] = [];
      for (let after = 0; ; ) {
        const page = await log().readAll({ after, limit: 3 });
        if (page.length === 0) break;
        pages.push(idsOf(page));
        after = page.at(-1)!.position;
      }
      expect(pages.map(({ length }) => length)).toEqual([3, 3, 1]);
      expect(pages.flat()).toEqual(idsOf(events));
      const [last] = (await log().readAll({ after: 0, limit: 7 })).slice(-1);
      expect(await log().head()).toBe(last!.position);
      expect(await log().readAll({ after: await log().head(), limit: 3 })).toEqual([]);
    });

    it.each<[EventFilter, readonly string[]]>([
      [
        {},
        ['entity-acme/1@0', 'entity-acme/1@1', 'link-acme/1@0', 'entities-acme/1@0', 'entity@0'],
      ],
      [{ categories: ['entity'] }, ['entity-acme/1@0', 'entity-acme/1@1', 'entity@0']],
      [{ categories: ['link', 'entities'] }, ['link-acme/1@0', 'entities-acme/1@0']],
      [{ types: ['Made'] }, ['entity-acme/1@0', 'link-acme/1@0', 'entity@0']],
      [
        { types: ['Made', 'Gone'] },
        ['entity-acme/1@0', 'link-acme/1@0', 'entities-acme/1@0', 'entity@0'],
      ],
      [{ categories: ['entity'], types: ['Made'] }, ['entity-acme/1@0', 'entity@0']],
      [{ categories: ['entity'], types: ['Gone'] }, []],
      [{ categories: ['nobody'] }, []],
      [{ categories: [] }, []],
      [{ types: [] }, []],
    ])('filtered by %o gives %o', async (filter, places) => {
      await log().append('entity-acme/1', [newEvent({ type: 'Made' }), newEvent()], 'any');
      await log().append('link-acme/1', [newEvent({ type: 'Made' })], 'any');
      await log().append('entities-acme/1', [newEvent({ type: 'Gone' })], 'any');
      await log().append('entity', [newEvent({ type: 'Made' })], 'any');
      expect(placesOf(await log().readAll({ after: 0, filter, limit: 10 }))).toEqual(places);
      const limited = await log().readAll({ after: 0, filter, limit: 2 });
      expect(placesOf(limited)).toEqual(places.slice(0, 2));
    });
  });

  it('answers random operations as a plain list does', async () => {
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
          ids: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }),
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

    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 20 }),
        options,
        async (operations, look) => {
          const start = await log().head();
          const model = new LogModel();
          const own = `run-${++run}`;
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
      { numRuns: 60 },
    );
  });
}
