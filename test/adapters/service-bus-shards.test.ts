/** What one node does with the shards in its hands, its dead letters, and its health. */
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryBlobs } from '#adapters/memory';
import { systemClock } from '#adapters/system';
import { type Delivery, limits, RuntimeError } from '#runtime';
import { createEntity, onTheBus } from '#test/messages';
import { openTestBroker, type TestBroker, type TestNode } from '#test/service-bus';
import { until } from '#test/until';
import { messageFor } from '../contracts/bus.ts';

const why = { code: 'MESSAGE_INVALID', detail: 'for the test' };
const actors = Array.from({ length: 12 }, (_, n) => `issue-${n}`);

let broker: TestBroker;
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function setUp(
  topic: Parameters<typeof openTestBroker>[0] = {},
  node: Parameters<TestBroker['open']>[0] = {},
): Promise<TestNode> {
  broker = await openTestBroker(topic);
  cleanUps.push(() => broker.close());
  return join(node);
}

async function join(node: Parameters<TestBroker['open']>[0] = {}): Promise<TestNode> {
  const joined = await broker.open(node);
  cleanUps.push(() => joined.close());
  return joined;
}

const consume = ({ bus }: TestNode, handle: (delivery: Delivery) => Promise<void>) =>
  bus.consume(handle, { inFlightMax: 100 });
const complete = (delivery: Delivery) => delivery.complete();
const untilLetters = ({ bus }: TestNode, count: number, tenantId: string | null = 'acme') =>
  until(`${count} dead letters`, async () => {
    const letters = await bus.deadLetters.peek({ tenantId, limit: 99 });
    return letters.length === count ? letters : null;
  });

describe('shards', () => {
  it('are given back when they are quiet, and taken again for the next message', async () => {
    const node = await setUp();
    let done = 0;
    await consume(node, async (delivery) => {
      await delivery.complete();
      done += 1;
    });
    for (let n = 1; n <= 2; n++) {
      await node.bus.publish([messageFor('issue-1', n)]);
      await until('it is done', () => done === n);
      await until('it is given back', () => node.telemetry.all('shard-released').length === n);
    }
    expect(node.telemetry.all('shard-released').map(({ reason }) => reason)).toEqual([
      'quiet',
      'quiet',
    ]);
  });

  it('are no more at a time than a node may hold, and all have their turn', async () => {
    const node = await setUp({}, { limits: { shardsHeldMax: 2, shardTurnMs: 200 } });
    let [held, most] = [0, 0];
    const record = node.telemetry.record.bind(node.telemetry);
    node.telemetry.record = (happening) => {
      if (happening.name === 'shard-taken') most = Math.max(most, ++held);
      if (happening.name === 'shard-released') held -= 1;
      record(happening);
    };
    const came = new Set<string>();
    await consume(node, async (delivery) => {
      came.add(delivery.message.messageId);
      await delivery.complete();
    });
    await node.bus.publish(actors.map((actor) => messageFor(actor)));
    await until('all came', () => came.size === actors.length);
    expect(most).toBe(2);
  });

  it('are given back after their turn, though they are busy', async () => {
    const node = await setUp({}, { limits: { shardTurnMs: 300 } });
    let n = 0;
    await consume(node, async (delivery) => {
      await delivery.complete();
      await node.bus.publish([messageFor('issue-1', ++n)]);
    });
    await node.bus.publish([messageFor('issue-1', n)]);
    const { reason } = await node.telemetry.first('shard-released');
    expect(reason).toBe('turn');
    const before = n;
    await until('the work goes on', () => n > before + 5);
  });

  it('of work that takes too long are left to others, and their message comes again', async () => {
    const node = await setUp(
      { lockSeconds: 1 },
      { limits: { shardWorkMs: 1, shardTurnMs: 60_000 } },
    );
    let deliveries = 0;
    const outcomes: string[] = [];
    const hold = Promise.withResolvers<void>();
    await consume(node, async (delivery) => {
      deliveries += 1;
      if (deliveries > 1) return delivery.complete();
      await hold.promise;
      await delivery.complete().catch(({ code }) => outcomes.push(code));
    });
    await node.bus.publish([messageFor('issue-1')]);
    await until('it came again', () => deliveries === 2);
    hold.resolve();
    await until('the first is refused', () => outcomes.length === 1);
    expect(outcomes).toEqual(['BUS_UNAVAILABLE']);
    await until('nothing is left', async () => node.telemetry.all('shard-released').length > 1);
    expect(node.telemetry.all('shard-released')[0]).toMatchObject({ reason: 'lost' });
  });

  it.each([-60, 60])('are held by a node whose clock is %i minutes wrong', async (minutes) => {
    const wrong = { ...systemClock, now: () => Date.now() + minutes * 60_000 };
    const node = await setUp({ lockSeconds: 5 }, { clock: wrong, limits: { shardTurnMs: 60_000 } });
    let done = 0;
    await consume(node, async (delivery) => {
      await delivery.complete();
      done += 1;
    });
    await node.bus.publish([messageFor('issue-1', 0), messageFor('issue-1', 1)]);
    await until('both are done', () => done === 2);
    await node.telemetry.first('shard-released', ({ reason }) => reason === 'quiet');
    expect(node.telemetry.all('shard-released').map(({ reason }) => reason)).toEqual(['quiet']);
  });

  it('fail a settlement that is not answered when their lock runs out', async () => {
    const node = await setUp({ lockSeconds: 1 }, { limits: { busAnswerMs: 2_500 } });
    const outcomes: string[] = [];
    await consume(node, async (delivery) => {
      node.wire.freeze();
      await delivery.complete().catch(({ code }) => outcomes.push(code));
    });
    await node.bus.publish([messageFor('issue-1')]);
    await until('it failed', () => outcomes.length > 0, 2_200);
    expect(outcomes).toEqual(['BUS_UNAVAILABLE']);
    node.cut();
  });

  it('whose message ends its node again and again give it up with the broker’s reason', async () => {
    await setUp({ lockSeconds: 1, deliveriesMax: 2 });
    let deaths = 0;
    for (const death of [1, 2]) {
      const node = await join();
      await consume(node, () => {
        deaths += 1;
        return new Promise<void>(() => undefined);
      });
      if (death === 1) await node.bus.publish([messageFor('issue-1')]);
      await until('it is handled', () => deaths === death);
      node.vanish();
    }
    const last = await join();
    const [letter] = await untilLetters(last, 1);
    expect(letter).toMatchObject({
      messageId: 'acme/issue-1/0',
      body: messageFor('issue-1').body,
      reason: { code: 'MaxDeliveryCountExceeded' },
    });
  });

  it('are let go when a node stops, and what it publishes after is still stored', async () => {
    const node = await setUp();
    let done = 0;
    const stop = await consume(node, async (delivery) => {
      await delivery.complete();
      done += 1;
    });
    await node.bus.publish([messageFor('issue-1')]);
    await until('it is done', () => done === 1);
    await stop();
    expect(node.telemetry.all('shard-released')).toMatchObject([{ reason: 'drain' }]);
    await node.bus.publish([messageFor('issue-1', 1)]);
    let later = 0;
    await consume(await join(), async (delivery) => {
      later += 1;
      await delivery.complete();
    });
    await until('another node has it', () => later === 1);
    await node.close();
    await expect(node.bus.publish([messageFor('issue-1', 2)])).rejects.toMatchObject({
      code: 'SHUTTING_DOWN',
    });
  });

  it('go on when the body of a message that is done can not be removed', async () => {
    const blobs = Object.assign(new MemoryBlobs(), {
      remove: () => Promise.reject(new RuntimeError('BLOBS_UNAVAILABLE', 'read-only')),
    });
    const node = await setUp({}, { blobs });
    const text = 'x'.repeat(limits.busBodyBytesMax);
    await node.bus.publish([
      onTheBus(createEntity({ id: 'issue-1', properties: { text } })),
      messageFor('issue-1', 1),
    ]);
    let done = 0;
    await consume(node, async (delivery) => {
      await delivery.complete();
      done += 1;
    });
    await until('both are done', () => done === 2);
    const failed = await node.telemetry.first('background-failed');
    expect(failed.error).toMatchObject({ code: 'BLOBS_UNAVAILABLE' });
  });
});

describe('dead letters in a queue', () => {
  const refuse = (delivery: Delivery) => delivery.deadLetter(why);

  it('are moved a bounded number at a time', async () => {
    const node = await setUp({}, { limits: { deadLettersPageMax: 4 } });
    await consume(node, refuse);
    await node.bus.publish(actors.slice(0, 6).map((actor) => messageFor(actor)));
    await untilLetters(node, 6);
    expect(await node.bus.deadLetters.purge({ tenantId: 'acme' })).toBe(4);
    expect(await node.bus.deadLetters.purge({ tenantId: 'acme' })).toBe(2);
    expect(await node.bus.deadLetters.purge({ tenantId: 'acme' })).toBe(0);
  });

  it('are reached behind those of other tenants, which stay', async () => {
    const node = await setUp();
    await consume(node, refuse);
    await node.bus.publish(actors.map((actor) => messageFor(actor, 0, 'beta')));
    const others = await untilLetters(node, actors.length, 'beta');
    await node.bus.publish([messageFor('issue-1')]);
    await untilLetters(node, 1);
    expect(await node.bus.deadLetters.purge({ tenantId: 'acme' })).toBe(1);
    expect(await untilLetters(node, actors.length, 'beta')).toEqual(others);
    expect(await node.bus.deadLetters.purge({ tenantId: 'beta' })).toBe(actors.length);
  });

  it('behind more of others than may be locked are left for a later call', async () => {
    const node = await setUp({}, { limits: { deadLettersLockedMax: 3 } });
    await consume(node, refuse);
    await node.bus.publish(actors.map((actor) => messageFor(actor, 0, 'beta')));
    await untilLetters(node, actors.length, 'beta');
    await node.bus.publish([messageFor('issue-1')]);
    await untilLetters(node, 1);
    expect(await node.bus.deadLetters.purge({ tenantId: 'acme' })).toBe(0);
    expect(await node.bus.deadLetters.purge({ tenantId: 'beta' })).toBe(actors.length);
    expect(await node.bus.deadLetters.purge({ tenantId: 'acme' })).toBe(1);
  });

  it('have a reason of a length that the broker keeps', async () => {
    const node = await setUp();
    const detail = '/a: is wrong; '.repeat(1_000);
    await consume(node, (delivery) => delivery.deadLetter({ ...why, detail }));
    await node.bus.publish([messageFor('issue-1')]);
    const [letter] = await untilLetters(node, 1);
    expect(letter?.reason.detail).toBe(detail.slice(0, limits.reasonCharsMax));
  });

  it('can not be read while the broker is away, and that is said', async () => {
    const node = await setUp();
    node.cut();
    const { deadLetters } = node.bus;
    const away = { code: 'BUS_UNAVAILABLE' };
    await expect(deadLetters.peek({ tenantId: 'acme', limit: 1 })).rejects.toMatchObject(away);
    await expect(deadLetters.get({ tenantId: 'acme', id: 's-1' })).rejects.toMatchObject(away);
    await expect(deadLetters.redrive({ tenantId: 'acme' })).rejects.toMatchObject(away);
    await expect(deadLetters.purge({ tenantId: 'acme' })).rejects.toMatchObject(away);
  });
});

describe('a health check', () => {
  it('asks the broker: well, away, silent, and well again', async () => {
    const node = await setUp();
    await consume(node, complete);
    await node.bus.check();
    node.cut();
    await expect(node.bus.check()).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    node.mend();
    await until('it is well again', () =>
      node.bus.check().then(
        () => true,
        () => false,
      ),
    );
    node.wire.stall();
    await expect(node.bus.check()).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    await until('it is well again', () =>
      node.bus.check().then(
        () => true,
        () => false,
      ),
    );
  });
});
