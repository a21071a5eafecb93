/** Subscriptions: history, then what comes, without a gap or a repeat. */

import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { EventBatch, Log, StreamName } from '#runtime';
import { effort } from '#test/effort';
import { eventsOf, follow, idsOf, newEvent, newEvents, newStream } from './log-event.ts';

const has = (count: number) => (batches: readonly EventBatch[]) =>
  eventsOf(batches).length >= count;

export function describeSubscriptions(log: () => Log): void {
  let stream: StreamName;
  let start: number;
  beforeEach(async () => {
    stream = newStream();
    start = await log().head();
  });
  const append = (count: number, to = stream) => log().append(to, newEvents(count), 'any');
  const history = () => log().readAll({ after: start, limit: 10_000 });

  describe('a subscription', () => {
    it('gives history, then what comes', async () => {
      await append(3);
      const batches: EventBatch[] = [];
      const { signal } = new AbortController();
      for await (const batch of log().subscribe({ after: start, signal })) {
        batches.push(batch);
        if (has(5)(batches)) break;
        if (batch.live) await append(2, newStream());
      }
      expect(eventsOf(batches)).toEqual(await history());
    });

    it('gives what stands after a position, exclusive', async () => {
      await append(5);
      const all = await history();
      const batches = await follow(log(), { after: all[2]!.position });
      expect(eventsOf(batches)).toEqual(all.slice(3));
    });

    it('begins with one empty live batch where nothing stands after the position', async () => {
      await append(1);
      const position = await log().head();
      expect(await follow(log(), { after: position })).toEqual([
        { events: [], position, live: true },
      ]);
    });

    it('hands over no more than batchMax, is live at the end only, and knows how far it came', async () => {
      await append(7);
      const all = await history();
      const batches = await follow(log(), { after: start, batchMax: 3 });
      expect(batches.every(({ events }) => events.length <= 3)).toBe(true);
      expect(eventsOf(batches)).toEqual(all);
      expect(batches.filter(({ live }) => live)).toHaveLength(1);
      for (const { events, position } of batches) {
        expect(position).toBeGreaterThanOrEqual(events.at(-1)?.position ?? 0);
        expect(eventsOf(await follow(log(), { after: position }))).toEqual(
          all.filter((event) => event.position > position),
        );
      }
      expect(batches.at(-1)!.position).toBe(await log().head());
    });

    it('is live again each time that it has come to the end', async () => {
      const lives = [];
      const { signal } = new AbortController();
      for await (const { events, live } of log().subscribe({ after: start, signal })) {
        if (live) lives.push(events.length);
        if (lives.length === 3) break;
        await append(2);
      }
      expect(lives).toEqual([0, 2, 2]);
    });

    it('filters, and moves on past what nobody wants', async () => {
      await append(3, newStream('link'));
      const wanted = newEvent({ type: 'Wanted' });
      await log().append(stream, [newEvent(), wanted, newEvent()], 'any');
      const filter = { categories: ['entity'], types: ['Wanted'] };
      const batches = await follow(log(), { after: start, filter, batchMax: 2 });
      expect(idsOf(eventsOf(batches))).toEqual([wanted.id]);
      expect(batches.at(-1)).toMatchObject({ live: true, position: await log().head() });

      const seen: EventBatch[] = [];
      const { signal } = new AbortController();
      for await (const batch of log().subscribe({ after: await log().head(), filter, signal })) {
        seen.push(batch);
        if (seen.length === 1) await append(1, newStream('link'));
        else if (batch.position === (await log().head())) break;
      }
      expect(eventsOf(seen)).toEqual([]);
    });

    it('has no gap and no repeat over the switch to live, whoever appends meanwhile', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.nat({ max: 12 }),
          fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 12 }),
          fc.integer({ min: 1, max: 5 }),
          fc.boolean(),
          async (before, appends, batchMax, isSlow) => {
            start = await log().head();
            if (before > 0) await append(before);
            const count = before + appends.reduce((sum, one) => sum + one, 0);
            const appending = Promise.all(appends.map((one) => append(one)));
            const batches: EventBatch[] = [];
            const { signal } = new AbortController();
            for await (const batch of log().subscribe({ after: start, batchMax, signal })) {
              batches.push(batch);
              if (isSlow) await log().head();
              if (eventsOf(batches).length >= count) break;
            }
            await appending;
            const all = await history();
            expect(idsOf(eventsOf(batches))).toEqual(idsOf(all));
            expect(all).toHaveLength(count);
          },
        ),
        { numRuns: effort(12, 40) },
      );
    });

    it('waits for a slow consumer, who misses nothing and gets more at a time', async () => {
      const sizes: number[] = [];
      const { signal } = new AbortController();
      const events: string[] = [];
      for await (const batch of log().subscribe({ after: start, signal })) {
        events.push(...idsOf(batch.events));
        if (batch.events.length > 0) sizes.push(batch.events.length);
        if (events.length >= 40) break;
        for (let more = 0; more < 10; more++) await append(1);
      }
      expect(sizes).toEqual([10, 10, 10, 10]);
      expect(events).toEqual(idsOf(await history()));
    });

    it('does not disturb another one', async () => {
      await append(4);
      const [all, some] = await Promise.all([
        follow(log(), { after: start }, has(6)),
        follow(log(), { after: start, filter: { categories: ['link'] } }, has(2)),
        append(2, newStream('link')),
      ]);
      expect(idsOf(eventsOf(all))).toEqual(idsOf(await history()));
      expect(idsOf(eventsOf(some))).toEqual(idsOf(await history()).slice(4));
    });

    it('that is aborted while it waits ends without an error and leaves nothing behind', async () => {
      await append(1);
      const abort = new AbortController();
      const batches: EventBatch[] = [];
      for await (const batch of log().subscribe({ after: start, signal: abort.signal })) {
        batches.push(batch);
        if (batch.live) setImmediate(() => abort.abort());
      }
      await append(1);
      expect(eventsOf(batches)).toHaveLength(1);
      expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    });

    it('that is aborted between two batches, or before the first, gives no more', async () => {
      await append(5);
      const abort = new AbortController();
      const { signal } = abort;
      const batches: EventBatch[] = [];
      for await (const batch of log().subscribe({ after: start, batchMax: 1, signal })) {
        batches.push(batch);
        if (batches.length === 2) abort.abort();
      }
      expect(batches).toHaveLength(2);
      for await (const batch of log().subscribe({ after: start, signal })) batches.push(batch);
      expect(batches).toHaveLength(2);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    });

    it('leaves nothing on a signal that lives on through many waits', async () => {
      const { signal } = new AbortController();
      let waits = 0;
      for await (const batch of log().subscribe({ after: start, signal })) {
        expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
        if (batch.live && ++waits === 20) break;
        setImmediate(() => void append(1));
      }
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    });
  });
}
