/** Appends: expectations, races, repeats, and that an event comes back as it was given. */

import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type AppendResult,
  type ExpectedRevision,
  type Log,
  limits,
  type NewEvent,
  type StreamName,
} from '#runtime';
import { effort } from '#test/effort';
import {
  eventsOf,
  follow,
  idsOf,
  newEvent,
  newEvents,
  newStream,
  placesOf,
  revisionsOf,
} from './log-event.ts';

export function describeAppends(log: () => Log): void {
  let stream: StreamName;
  let start: number;
  beforeEach(async () => {
    stream = newStream();
    start = await log().head();
  });
  const append = (events: readonly NewEvent[], expected: ExpectedRevision) =>
    log().append(stream, events, expected);
  const read = () => log().readStream(stream);

  describe('an append', () => {
    it.each<[ExpectedRevision, number, Partial<AppendResult>]>([
      ['any', 0, { kind: 'appended', revision: 1 }],
      ['any', 3, { kind: 'appended', revision: 4 }],
      ['no_stream', 0, { kind: 'appended', revision: 1 }],
      ['no_stream', 3, { kind: 'conflict', actual: 2 }],
      ['stream_exists', 0, { kind: 'conflict', actual: -1 }],
      ['stream_exists', 3, { kind: 'appended', revision: 4 }],
      [0, 0, { kind: 'conflict', actual: -1 }],
      [2, 0, { kind: 'conflict', actual: -1 }],
      [0, 3, { kind: 'conflict', actual: 2 }],
      [1, 3, { kind: 'conflict', actual: 2 }],
      [2, 3, { kind: 'appended', revision: 4 }],
      [3, 3, { kind: 'conflict', actual: 2 }],
    ])('that expects %s of a stream of %i events is answered %o', async (...row) => {
      const [expected, standing, answer] = row;
      if (standing > 0) await append(newEvents(standing), 'no_stream');
      const before = await read();
      const events = newEvents(2);

      const result = await append(events, expected);

      const after = await read();
      const added = result.kind === 'appended' ? events : [];
      expect(result).toMatchObject(answer);
      expect(idsOf(after)).toEqual(idsOf([...before, ...added]));
      if (result.kind === 'appended') expect(result.position).toBe(after.at(-1)!.position);
    });

    it('gives its events the next revisions and rising positions, in their order', async () => {
      const first = newEvents(2);
      const others = newEvents(1);
      const then = newEvents(3);
      await append(first, 'no_stream');
      const elsewhere = newStream();
      await log().append(elsewhere, others, 'no_stream');
      await append(then, 1);

      const all = await log().readAll({ after: start, limit: 10 });
      expect(idsOf(all)).toEqual(idsOf([...first, ...others, ...then]));
      expect(placesOf(all)).toEqual([
        `${stream}@0`,
        `${stream}@1`,
        `${elsewhere}@0`,
        `${stream}@2`,
        `${stream}@3`,
        `${stream}@4`,
      ]);
      const positions = all.map(({ position }) => position);
      expect(positions[0]).toBeGreaterThan(start);
      expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
    });

    it('with a conflict writes nothing, and its neighbours are written', async () => {
      await append(newEvents(1), 'no_stream');
      const results = await Promise.all([
        log().append(newStream(), newEvents(1), 'no_stream'),
        append(newEvents(5), 'no_stream'),
        log().append(newStream(), newEvents(1), 'no_stream'),
      ]);
      expect(results.map(({ kind }) => kind)).toEqual(['appended', 'conflict', 'appended']);
      expect(await log().readAll({ after: start, limit: 10 })).toHaveLength(3);
    });

    it.each<ExpectedRevision>(['no_stream', 2])(
      'that races nineteen with the same expectation (%s) wins alone, or not at all',
      async (expected) => {
        if (expected === 2) await append(newEvents(3), 'no_stream');
        const attempts = Array.from({ length: 20 }, () => newEvents(2));
        const results = await Promise.all(attempts.map((events) => append(events, expected)));

        const won = results.findIndex(({ kind }) => kind === 'appended');
        const { length } = await read();
        expect(idsOf(await read()).slice(-2)).toEqual(idsOf(attempts[won]!));
        expect(results.toSpliced(won, 1)).toEqual(
          Array(19).fill({ kind: 'conflict', actual: length - 1 }),
        );
      },
    );

    it('that expects nothing races others, and each stands together at its place', async () => {
      const attempts = Array.from({ length: 20 }, () => newEvents(3));
      const results = await Promise.all(attempts.map((events) => append(events, 'any')));
      const all = await read();
      expect(revisionsOf(all)).toEqual(Array.from({ length: 60 }, (_, at) => at));
      results.forEach((result, at) => {
        if (result.kind !== 'appended') throw new Error(`answered ${result.kind}`);
        const standing = all.slice(result.revision - 2, result.revision + 1);
        expect(idsOf(standing)).toEqual(idsOf(attempts[at]!));
        expect(standing[2]!.position).toBe(result.position);
      });
    });

    it('of no events is refused as the mistake that it is', async () => {
      await expect(append([], 'any')).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
    });
  });

  describe('a repeated append', () => {
    it.each<[ExpectedRevision, number]>([
      ['no_stream', 0],
      ['any', 0],
      [1, 2],
      ['any', 2],
      ['stream_exists', 2],
    ])('(expecting %s of a stream of %i events) is answered as the first', async (...row) => {
      const [expected, standing] = row;
      if (standing > 0) await append(newEvents(standing), 'no_stream');
      const events = newEvents(3);
      const first = await append(events, expected);
      expect(await append(events, expected)).toEqual({ ...first, kind: 'duplicate' });
      expect(await read()).toHaveLength(standing + 3);
    });

    it('is recognised with others behind it, where a revision says where to look', async () => {
      const [early, late] = [newEvents(2), newEvents(2)];
      const first = await append(early, 'no_stream');
      const second = await append(late, 1);
      await append(newEvents(4), 3);
      expect(await append(early, 'no_stream')).toEqual({ ...first, kind: 'duplicate' });
      expect(await append(late, 1)).toEqual({ ...second, kind: 'duplicate' });
    });

    it('is a conflict where only some of the events are the same', async () => {
      const [one, two] = [newEvent(), newEvent()];
      await append([one, two], 'no_stream');
      const conflict = { kind: 'conflict', actual: 1 };
      expect(await append([one, newEvent()], 'no_stream')).toEqual(conflict);
      expect(await append([newEvent(), two], 'no_stream')).toEqual(conflict);
      expect(await append([one, two, newEvent()], 'no_stream')).toEqual(conflict);
      expect(await append([two, one], 'no_stream')).toEqual(conflict);
    });

    it('counts in its own stream only', async () => {
      const events = newEvents(2);
      await append(events, 'no_stream');
      const result = await log().append(newStream(), events, 'no_stream');
      expect(result).toMatchObject({ kind: 'appended', revision: 1 });
    });

    it.each<ExpectedRevision>(['no_stream', 'any'])(
      '(expecting %s) that races the first is written once',
      async (expected) => {
        const events = newEvents(2);
        const results = await Promise.all(
          Array.from({ length: 8 }, () => append(events, expected)),
        );
        const appended = results.filter(({ kind }) => kind === 'appended');
        expect(appended).toHaveLength(1);
        for (const result of results) expect(result).toEqual({ ...appended[0], kind: result.kind });
        expect(results.filter(({ kind }) => kind === 'duplicate')).toHaveLength(7);
        expect(idsOf(await read())).toEqual(idsOf(events));
      },
    );
  });

  describe('an event', () => {
    it('comes back as it was given, whatever happened to the original or to another copy', async () => {
      const data = { name: 'before' };
      const metadata = { messageId: 'm', recordedAt: 'r', correlationId: 'c', causationId: 'e' };
      const event = newEvent({ type: 'Renamed', schemaVersion: 7, data, metadata });
      const appended = append([event], 'no_stream');
      data.name = 'after';
      await appended;
      const [copy] = await read();
      (copy!.data as typeof data).name = 'mine';

      expect(await read()).toEqual([
        {
          ...event,
          data: { name: 'before' },
          stream,
          revision: 0,
          position: expect.any(Number),
        },
      ]);
    });

    it('of 1 MiB or of limits.eventBytesMax is kept, and above that refused', async () => {
      const metadata = { messageId: 'm', recordedAt: '' };
      const frame = JSON.stringify({ text: '' }) + JSON.stringify(metadata);
      const ofBytes = (bytes: number) => {
        const rest = bytes - frame.length;
        const text = 'ä'.repeat(rest / 2) + 'x'.repeat(rest % 2);
        return newEvent({ data: { text }, metadata });
      };
      const kept = [ofBytes(1024 * 1024), ofBytes(limits.eventBytesMax)];
      await append(kept, 'no_stream');
      const refused = log().append(
        newStream(),
        [newEvent(), ofBytes(limits.eventBytesMax + 1)],
        'any',
      );
      await expect(refused).rejects.toMatchObject({ code: 'EVENT_TOO_LARGE' });

      const datas = kept.map(({ data }) => data);
      expect((await read()).map(({ data }) => data)).toEqual(datas);
      expect(eventsOf(await follow(log(), { after: start })).map(({ data }) => data)).toEqual(
        datas,
      );
    });

    it('keeps any JSON exactly, under any names', async () => {
      const text = fc.string({ unit: 'binary', maxLength: 20 });
      await fc.assert(
        fc.asyncProperty(
          fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' }),
          fc.record({ messageId: text, recordedAt: text, correlationId: text }),
          fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
          async (data, metadata, name) => {
            const event = newEvent({ type: `Typed${name}`, data, metadata });
            const named = `${newStream()}/${name}`;
            await log().append(named, [event], 'no_stream');
            const [kept] = await log().readStream(named);
            expect(kept).toMatchObject({ id: event.id, type: event.type, stream: named });
            expect(JSON.stringify(kept!.data)).toBe(JSON.stringify(data));
            expect(JSON.stringify(kept!.metadata)).toBe(JSON.stringify(metadata));
          },
        ),
        { numRuns: effort(15, 40) },
      );
    });

    it('keeps deep nesting', async () => {
      let data: unknown = 'bottom';
      for (let depth = 0; depth < 1_000; depth++) data = depth % 2 === 0 ? [data] : { data };
      await append([newEvent({ data })], 'no_stream');
      expect(JSON.stringify((await read())[0]!.data)).toBe(JSON.stringify(data));
    });
  });
}
