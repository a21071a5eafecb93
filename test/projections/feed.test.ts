/** The feed by itself: what leaves when, to whom, and what becomes of who is slow, silent or many. */
import { describe, expect, it } from 'vitest';
import { MemoryLog } from '#adapters/memory';
import { RuntimeError } from '#runtime';
import { quiet } from '#test/clock';
import { entityCreated, entityUpdated, History, linkActivated, linkRemoved } from '#test/events';
import { appendTo, feedInHand, KeptLine } from '#test/feed';

const result = (sessionId: string) => ({
  messageType: 'QUERY_RESULT',
  sessionId,
  timestamp: '2026-11-24T12:00:00Z',
  payload: {
    queryId: 'q',
    results: [{ any: 'thing' }],
    metadata: { processingTime: 1, resultCount: 1, confidence: 0.5 },
  },
});

/** Updates of one entity that is there. */
function updates(count: number) {
  const history = new History();
  history.record(entityCreated());
  return Array.from({ length: count }, () => history.record(entityUpdated()));
}

const positions = (line: KeptLine) => line.notifications.map(({ position }) => position);

describe('a notification', () => {
  it('leaves only when the rows have reached it and the cache has forgotten', async () => {
    const { feed, follow, forgotten, log, progress } = await feedInHand();
    const { line } = await follow();
    const history = new History();
    await appendTo(log, [history.record(entityCreated({ id: 'a' }))]);
    await quiet();
    expect(line.notifications).toEqual([]);
    expect(forgotten).toEqual([]);
    progress.advance(1);
    await quiet();
    expect(forgotten).toEqual(['acme/entity:a']);
    expect(positions(line)).toEqual([1]);
    await feed.stop();
  });

  it('of a relationship makes the cache forget both ends', async () => {
    const { feed, forgotten, happens } = await feedInHand();
    await happens([new History().record(linkActivated({ from: 's', to: 't' }))]);
    expect(forgotten).toEqual(['acme/entity:s', 'acme/entity:t']);
    await feed.stop();
  });

  it('reaches its tenant alone', async () => {
    const { feed, follow, happens } = await feedInHand();
    const [own, other] = [await follow(), await follow({ tenantId: 'beta' })];
    await happens([new History().record(entityCreated({ tenantId: 'beta' }))]);
    expect(own.line.notifications).toEqual([]);
    expect(positions(other.line)).toEqual([1]);
    await feed.stop();
  });

  it('is one list for all who want the same', async () => {
    const { feed, follow, happens } = await feedInHand();
    const lists: unknown[] = [];
    class Watched extends KeptLine {
      override send(messages: Parameters<KeptLine['send']>[0]) {
        if ('change' in (messages[0] ?? {})) lists.push(messages);
      }
    }
    for (const types of [['ISSUE'], ['ISSUE'], ['PERSON', 'ISSUE']] as const) {
      await follow({ types }, new Watched());
    }
    await happens([new History().record(entityCreated())]);
    expect(lists[0]).toBe(lists[1]);
    expect(lists[2]).not.toBe(lists[1]);
    await feed.stop();
  });
});

describe('a follower', () => {
  it('hears first where it begins, and what comes from there', async () => {
    const log = new MemoryLog();
    const history = new History();
    await appendTo(log, [history.record(entityCreated())]);
    const { feed, follow, happens } = await feedInHand({ log });
    const { line } = await follow();
    expect(line.messages).toEqual([{ messageType: 'FEED_POSITION', position: 1 }]);
    await happens([history.record(entityUpdated())]);
    expect(positions(line)).toEqual([2]);
    await feed.stop();
  });

  it.each([
    ['a negative position', -1],
    ['a fraction', 0.5],
    ['a position that the log does not have', 2],
    ['no number', Number.NaN],
  ])('is refused with %s', async (_, after) => {
    const { feed, happens } = await feedInHand();
    await happens([new History().record(entityCreated())]);
    await expect(feed.admit({ tenantId: 'acme', after })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      data: { head: 1 },
    });
    await feed.stop();
  });

  it('that comes from a node that is ahead gets nothing twice', async () => {
    const { feed, follow, log, progress } = await feedInHand();
    const history = new History();
    await appendTo(log, [history.record(entityCreated()), history.record(entityUpdated())]);
    await quiet();
    const { line } = await follow({ after: 2 });
    progress.advance(2);
    await quiet();
    expect(line.notifications).toEqual([]);
    await feed.stop();
  });

  it('is turned away while too many follow, of all or of its tenant, until some leave', async () => {
    const limits = { feedFollowersMax: 3, feedFollowersOfTenantMax: 2 };
    const { feed, follow } = await feedInHand({ limits });
    const first = await follow();
    await follow();
    await expect(follow()).rejects.toMatchObject({ code: 'FEED_FULL' });
    await follow({ tenantId: 'beta' });
    await expect(follow({ tenantId: 'gamma' })).rejects.toMatchObject({ code: 'FEED_FULL' });
    first.leave();
    await follow({ tenantId: 'gamma' });
    await feed.stop();
    expect(feed.followers).toBe(0);
  });

  it('that takes nothing is ended with the position to come again from, and misses nothing', async () => {
    const { clock, feed, follow, happens } = await feedInHand({
      limits: { feedBacklogBytesMax: 1_000 },
    });
    const stuck = new KeptLine();
    await follow({}, stuck);
    const { line: quick } = await follow();
    stuck.isStuck = true;
    const events = updates(20);
    const history = new History();
    await happens([history.record(entityCreated())]);
    for (const event of events) await happens([event]);
    expect(positions(stuck).length).toBeLessThan(10);
    await clock.advance(5_000);
    expect(stuck.ended).toEqual({ reason: 'lagging', position: positions(stuck).at(-1) });
    const { line: again } = await follow({ after: stuck.ended!.position });
    expect([...positions(stuck), ...positions(again)]).toEqual(positions(quick));
    await feed.stop();
  });

  it('that takes all in the end gets all, however much waited', async () => {
    const { clock, feed, follow, happens } = await feedInHand({
      limits: { feedBacklogBytesMax: 1_000, feedRecentMax: 2 },
    });
    const { line } = await follow();
    const { line: quick } = await follow();
    await happens([new History().record(entityCreated())]);
    for (const event of updates(60)) {
      line.isStuck = true;
      await happens([event]);
      if (event.position % 20 !== 0) continue;
      await clock.advance(4_000);
      line.flow();
      await quiet();
    }
    line.flow();
    for (let turn = 0; turn < 20; turn++) await quiet();
    expect(positions(line)).toEqual(positions(quick));
    expect(line.ended).toBeNull();
    await feed.stop();
    expect(clock.waiting).toBe(0);
  });

  it('that joins slowly is given no more than its line takes', async () => {
    const log = new MemoryLog();
    await appendTo(log, [new History().record(entityCreated()), ...updates(500)]);
    const { feed, follow } = await feedInHand({ log });
    const line = new KeptLine();
    line.isStuck = true;
    await follow({ after: 0 }, line);
    await quiet();
    expect(line.notifications.length).toBeLessThanOrEqual(50);
    line.flow();
    await quiet();
    expect(line.notifications).toHaveLength(501);
    expect(line.ended).toBeNull();
    await feed.stop();
  });

  it('hears its position now and then, and is ended where it gives no sign of life', async () => {
    const { clock, feed, follow, happens } = await feedInHand();
    const [{ line: well }, { line: dead }] = [await follow(), await follow()];
    await happens([new History().record(entityCreated())]);
    dead.isAlive = false;
    await clock.advance(25_000);
    expect(well.messages.at(-1)).toEqual({ messageType: 'FEED_POSITION', position: 1 });
    expect(dead.ended?.reason).toBe('silent');
    expect(feed.followers).toBe(1);
    await feed.stop();
  });

  it('is sent elsewhere when the node drains, and nobody comes any more', async () => {
    const { clock, feed, follow } = await feedInHand();
    const { line } = await follow();
    await feed.stop();
    expect(line.ended).toEqual({ reason: 'draining', position: 0 });
    await expect(follow()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(clock.waiting).toBe(0);
  });

  it('hears the query results of its session, and of no other session or tenant', async () => {
    const { broadcast, feed, follow } = await feedInHand();
    const { line, leave } = await follow({ sessionId: 's' });
    const strangers = [await follow(), await follow({ sessionId: 'other' })];
    strangers.push(await follow({ tenantId: 'beta', sessionId: 's' }));
    const channel = { tenantId: 'acme', topic: 'query-results' };
    const texts = [result('s'), { messageType: 'QUERY_RESULT', sessionId: 's' }];
    await broadcast.publish(channel, [...texts.map((text) => JSON.stringify(text)), 'no JSON']);
    expect(line.messages.slice(1)).toEqual([result('s')]);
    for (const { line: other } of strangers) expect(other.messages).toHaveLength(1);
    leave();
    await broadcast.publish(channel, [JSON.stringify(result('s'))]);
    expect(line.messages).toHaveLength(2);
    await feed.stop();
  });
});

describe('a fault of the log', () => {
  it('holds the feed up and loses nothing', async () => {
    const log = new MemoryLog();
    const history = new History();
    await appendTo(log, [history.record(linkActivated())]);
    const { clock, feed, follow, happens, telemetry } = await feedInHand({ log });
    const { line } = await follow();
    const readStream = log.readStream.bind(log);
    let isAway = true;
    log.readStream = async (...args) => {
      if (isAway) throw new RuntimeError('LOG_UNAVAILABLE', 'away');
      return readStream(...args);
    };
    // What the removal removes must be looked up.
    await happens([history.record(linkRemoved()), history.record(linkActivated())]);
    await clock.advance(1_000);
    expect(telemetry.all('feed-retried').length).toBeGreaterThan(1);
    expect(line.notifications).toEqual([]);
    isAway = false;
    await clock.advance(10_000);
    expect(positions(line)).toEqual([2, 3]);
    await feed.stop();
  });

  it('ends who is joining, who may come again', async () => {
    const log = new MemoryLog();
    await appendTo(log, [new History().record(entityCreated())]);
    const { feed, follow } = await feedInHand({ log });
    log.readAll = async () => {
      throw new RuntimeError('LOG_UNAVAILABLE', 'away');
    };
    const { line } = await follow({ after: 0 });
    expect(line.ended).toEqual({ reason: 'failed', position: 0 });
    await feed.stop();
  });
});
