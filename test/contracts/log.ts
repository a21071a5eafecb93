/**
 * The exam of every Log: what `runtime/ports/log.ts` promises, for any adapter.
 *
 * `make` gives a fresh, empty log each time, which the first test proves; a durable adapter also gives
 * `reopen`, and is then asked whether what it answered is still there. Making one may be dear, so most
 * tests share one, each with streams of its own and from the position where it begins.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '#runtime';
import { describeAppends } from './log-appends.ts';
import { follow, newEvents } from './log-event.ts';
import { describeReads } from './log-reads.ts';
import { describeSubscriptions } from './log-subscriptions.ts';

export interface LogUnderTest {
  readonly log: Log;
  /** Closes the log and removes its data; the log may be closed already. */
  readonly dispose: () => Promise<void>;
  /** The same data in a new log, after this one was closed. */
  readonly reopen?: () => Promise<Log>;
}

export function describeLog(name: string, make: () => Promise<LogUnderTest>): void {
  describe(name, () => {
    it('begins empty and shares nothing with another log of the same factory', async () => {
      const [one, other] = await Promise.all([make(), make()]);
      try {
        expect(await one.log.head()).toBe(0);
        await one.log.append('entity-acme/1', newEvents(2), 'no_stream');
        expect(await other.log.head()).toBe(0);
        expect(await other.log.last()).toBeNull();
        expect(await other.log.readAll({ after: 0, limit: 10 })).toEqual([]);
        expect(await other.log.readStream('entity-acme/1')).toEqual([]);
        expect(await follow(other.log)).toEqual([{ events: [], position: 0, live: true }]);
        const result = await other.log.append('entity-acme/1', newEvents(1), 'no_stream');
        expect(result.kind).toBe('appended');
        expect(await one.log.readStream('entity-acme/1')).toHaveLength(2);
      } finally {
        await Promise.all([one.dispose(), other.dispose()]);
      }
    });

    describe('open', () => {
      let shared: LogUnderTest;
      beforeAll(async () => {
        shared = await make();
      });
      afterAll(() => shared.dispose());

      describeAppends(() => shared.log);
      describeReads(() => shared.log);
      describeSubscriptions(() => shared.log);
    });

    describe('closed', () => {
      let under: LogUnderTest;
      beforeEach(async () => {
        under = await make();
      });
      afterEach(() => under.dispose());
      const log = () => under.log;

      it('has finished what it had accepted', async () => {
        const append = (id: number) => log().append(`entity-acme/${id}`, newEvents(1), 'no_stream');
        const accepted = Promise.all(Array.from({ length: 50 }, (_, id) => append(id)));
        await log().close();
        const kinds = (await accepted).map(({ kind }) => kind);
        expect(kinds).toEqual(Array(50).fill('appended'));
        const reopened = await under.reopen?.();
        if (reopened === undefined) return;
        expect(await reopened.readAll({ after: 0, limit: 100 })).toHaveLength(50);
        await reopened.close();
      });

      it('answers nothing more, and may be closed again', async () => {
        const closed = log();
        await closed.close();
        await closed.close();
        const refusal = { code: 'SHUTTING_DOWN' };
        const { signal } = new AbortController();
        const first = closed.subscribe({ after: 0, signal })[Symbol.asyncIterator]();
        await expect(closed.append('a-b/c', newEvents(1), 'any')).rejects.toMatchObject(refusal);
        await expect(closed.readStream('a-b/c')).rejects.toMatchObject(refusal);
        await expect(closed.readAll({ after: 0, limit: 1 })).rejects.toMatchObject(refusal);
        await expect(closed.head()).rejects.toMatchObject(refusal);
        await expect(closed.last()).rejects.toMatchObject(refusal);
        await expect(first.next()).rejects.toMatchObject(refusal);
      });

      it('ends the subscriptions that wait at its end', async () => {
        const { signal } = new AbortController();
        const batches = log().subscribe({ after: 0, signal })[Symbol.asyncIterator]();
        await batches.next();
        const waiting = batches.next();
        const ended = expect(waiting).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
        await log().close();
        await ended;
      });
    });
  });
}
