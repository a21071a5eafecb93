/** How a source is treated that limits, fails, breaks off or lags: over a true socket. */
import { describe, expect, test } from 'vitest';
import { limits } from '#runtime';
import { page, pageEvent } from './bodies.ts';
import { confluence, gist, read } from './delivered.ts';
import { LeapingClock, pace, pageId, readerOn, wanted } from './page-rig.ts';
import {
  type Answer,
  everyPage,
  html,
  json,
  never,
  PageServer,
  pageAnswer,
  status,
  truncated,
} from './page-server.ts';
import { play } from './played.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('a source that', () => {
  test('limits our rate is left alone for as long as it says, by all reads', async () => {
    await using server = await PageServer.open();
    server.next.push(status(429, { 'retry-after': '7' }));
    server.usual = everyPage;
    const clock = new LeapingClock();
    const { apply, outcomes } = readerOn(server, clock);
    await apply(wanted('7'));
    expect(clock.pauses).toEqual([7_000]);
    expect(outcomes()).toEqual(['read']);
  });

  test.each([
    ['by date', 'Tue, 24 Nov 2026 12:00:30 GMT', 30_000],
    ['for longer than we wait', '999999', limits.sourcePauseMsMax],
  ])('says %s when to come again is believed', async (_, header, pause) => {
    await using server = await PageServer.open();
    server.next.push(status(503, { 'retry-after': header }));
    server.usual = everyPage;
    const clock = new LeapingClock();
    await readerOn(server, clock).apply(wanted('7'));
    expect(clock.pauses).toEqual([pause]);
  });

  test('fails is tried again with growing pauses', async () => {
    await using server = await PageServer.open();
    server.next.push(status(503), status(500), status(502));
    server.usual = everyPage;
    const clock = new LeapingClock();
    const { apply, outcomes } = readerOn(server, clock);
    await apply(wanted('7'));
    expect(outcomes()).toEqual(['read']);
    expect(server.requests).toHaveLength(4);
    expect(clock.pauses.length).toBeGreaterThan(0);
    expect(Math.max(...clock.pauses)).toBeLessThanOrEqual(pace.backoffCapMs);
  });

  test.each([
    ['breaks off in the middle', truncated],
    ['answers with a page for people', html],
    ['has hung up', (_: unknown, response: { destroy(): void }) => response.destroy()],
  ])('%s is tried again', async (_, answer) => {
    await using server = await PageServer.open();
    server.next.push(answer as Answer);
    server.usual = everyPage;
    const { apply, outcomes } = readerOn(server);
    await apply(wanted('7'));
    expect(outcomes()).toEqual(['read']);
    expect(server.requests).toHaveLength(2);
  });

  test.each<[string, Answer]>([
    ['is dead', status(503)],
    ['never answers', never],
    ['is not itself', html],
  ])('%s fails the batch and keeps the checkpoint; nothing is forgotten', async (_, answer) => {
    await using server = await PageServer.open();
    server.usual = everyPage;
    const hasty = { ...pace, requestMs: 500, retriesMax: 1 };
    const { apply, checkpoint, published } = readerOn(server, new LeapingClock(), hasty);
    await apply(wanted('1'));
    const batch = ['1', '7', '9'].map((id) => wanted(id));
    server.usual = answer;
    await expect(apply(...batch)).rejects.toThrow(code('SOURCE_UNAVAILABLE'));
    expect(checkpoint.at).toBe(10);
    server.usual = everyPage;
    await apply(...batch);
    expect(checkpoint.at).toBe(20);
    const told = published.map(gist).filter((each) => /^UPDATE_ENTITY confluence/.test(each));
    expect(told.toSorted()).toEqual(['1', '7', '9'].map((id) => `UPDATE_ENTITY ${pageId(id)}`));
    expect(server.requests.filter((each) => each.includes('/pages/1?'))).toHaveLength(1);
  });

  test.each([[status(401)], [status(302, { location: '/login' })]])(
    'refuses us stops the reading until somebody acts',
    async (answer) => {
      await using server = await PageServer.open();
      server.usual = answer;
      const { apply, checkpoint } = readerOn(server);
      await expect(apply(wanted('7'))).rejects.toThrow(code('SOURCE_REFUSED'));
      expect(server.requests).toHaveLength(1);
      expect(checkpoint.at).toBe(0);
    },
  );

  test('has only an older version yet is asked again', async () => {
    await using server = await PageServer.open();
    server.next.push(json(pageAnswer('7')), json(pageAnswer('7')));
    server.usual = json(
      pageAnswer('7', { version: { number: 4, createdAt: '2026-11-21T10:00:00.000Z' } }),
    );
    const { apply, published } = readerOn(server);
    await apply(wanted('7', { version: 4 }));
    expect(server.requests).toHaveLength(3);
    expect(published[0]?.payload).toMatchObject({ properties: { version: 4, textVersion: 4 } });
  });

  test('never has the version that was heard of says what it has, and overwrites nothing newer', async () => {
    await using server = await PageServer.open();
    server.usual = json(pageAnswer('7', { title: 'Old title' }));
    const { apply, checkpoint, published } = readerOn(server);
    const heard = page(7, {
      version: 9,
      title: 'New title',
      modificationDate: Date.parse('2026-11-22T00:00:00.000Z'),
    });
    await apply(wanted('7', { version: 9 }));
    expect(checkpoint.at).toBe(10);
    const { nodes } = play([...read(confluence, pageEvent(heard)).messages, ...published]);
    expect(nodes.get(pageId('7'))).toMatchObject({
      title: 'New title',
      version: 9,
      textVersion: 3,
    });
  });

  test('is asked for a few pages at a time', async () => {
    await using server = await PageServer.open();
    // Nobody is answered before so many ask at once.
    const held: (() => void)[] = [];
    server.usual = (request, response) => {
      held.push(() => everyPage(request, response));
      if (held.length === limits.sourceRequestsMax) for (const answer of held.splice(0)) answer();
    };
    const { apply, outcomes } = readerOn(server);
    const pages = Array.from({ length: 10 * limits.sourceRequestsMax }, (_, at) => at + 1);
    await apply(...pages.map((id) => wanted(String(id))));
    expect(outcomes()).toHaveLength(pages.length);
    expect(server.atOnceMax).toBe(limits.sourceRequestsMax);
  });
});
