/** The bus on Redis Streams while things break: the server, the lease, the holder, the data. */
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '#adapters/system';
import { type BusMessage, type Delivery, limits, shardOf } from '#runtime';
import { hasRedis, openRedis, type RedisServer } from '#test/redis';
import { type NodeParts, openRedisNode, type RedisNode } from '#test/redis-bus';
import { until } from '#test/until';
import { actorOf, messageFor, textOf } from '../contracts/bus.ts';

const durable = { appendonly: 'yes', appendfsync: 'always' };
const base = '{cognisync:bus}';
const shardOfIssue = (issue: string) => shardOf(`entity-acme/${issue}`, limits.shards);
const streamOfIssue = (issue: string) => `${base}:${shardOfIssue(issue)}`;
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const batch = (count: number) => numbers(count).map((n) => messageFor('issue-1', n));

/** Repeats apart, each actor's messages came in their order. */
function expectOrder(seen: readonly Delivery[]): void {
  const [last, known] = [new Map<string, number>(), new Set<string>()];
  for (const delivery of seen) {
    const { messageId } = delivery.message;
    if (known.has(messageId)) continue;
    known.add(messageId);
    const [actor, n] = actorOf(delivery);
    expect(n).toBeGreaterThan(last.get(actor) ?? -1);
    last.set(actor, n);
  }
}

describe.runIf(hasRedis)('the bus on Redis Streams under faults', () => {
  let server: RedisServer;
  const opened: RedisNode[] = [];

  afterEach(async () => {
    server.thaw();
    for (const node of opened.splice(0)) await node.close();
    await server.close();
  });

  const open = async (parts: NodeParts = {}) => {
    const node = await openRedisNode(server, parts);
    opened.push(node);
    return node;
  };
  const consume = async (
    node: RedisNode,
    handle: (delivery: Delivery) => Promise<void> = (delivery) => delivery.complete(),
  ) => {
    const seen: Delivery[] = [];
    const stop = await node.bus.consume(
      (delivery) => {
        seen.push(delivery);
        return handle(delivery);
      },
      { inFlightMax: 100 },
    );
    return { seen, stop };
  };
  const numbersOf = (seen: readonly Delivery[]) => seen.map((delivery) => actorOf(delivery)[1]);

  it('has all that it acknowledged when Redis is killed under load, and goes on by itself', async () => {
    server = await openRedis(durable);
    const [producer, node] = [await open(), await open()];
    const { seen } = await consume(node);
    const acknowledged: BusMessage[] = [];
    let [isBusy, refusals] = [true, 0];
    const load = async (lane: number) => {
      for (let n = 0; isBusy; n++) {
        const messages = numbers(5).map((issue) => messageFor(`issue-${lane}-${issue}`, n));
        await producer.bus.publish(messages).then(
          () => acknowledged.push(...messages),
          ({ code }) => {
            expect(code).toBe('BUS_UNAVAILABLE');
            refusals += 1;
          },
        );
      }
    };
    const lanes = Promise.all(numbers(8).map(load));
    for (let round = 1; round <= 3; round++) {
      const [before, completed] = [acknowledged.length, seen.length];
      await until('it is under load', () => acknowledged.length > before + 300);
      await until('it is consumed from', () => seen.length > completed + 100);
      await server.kill();
      await until('the outage is felt', () => refusals >= round * 8);
      await server.start();
    }
    isBusy = false;
    await lanes;
    const seenIds = () => new Set(seen.map(({ message }) => message.messageId));
    await until(
      'all that was acknowledged came',
      () => {
        const ids = seenIds();
        return acknowledged.every(({ messageId }) => ids.has(messageId));
      },
      30_000,
    );
    expectOrder(seen);
  });

  it('refuses what it can not store while Redis is frozen, and goes on when it thaws', async () => {
    server = await openRedis();
    const node = await open();
    const { seen } = await consume(node);
    await node.bus.publish([messageFor('issue-1', 0)]);
    await until('it came', () => seen.length === 1);
    server.freeze();
    const away = { code: 'BUS_UNAVAILABLE' };
    await expect(node.bus.publish([messageFor('issue-1', 1)])).rejects.toMatchObject(away);
    await expect(node.bus.check()).rejects.toMatchObject(away);
    const looking = node.bus.deadLetters.peek({ tenantId: 'acme', limit: 1 });
    await expect(looking).rejects.toMatchObject(away);
    await node.telemetry.first('shard-released', ({ reason }) => reason === 'lost');
    server.thaw();
    await until('it takes messages again', () =>
      node.bus.publish([messageFor('issue-1', 2)]).then(
        () => true,
        () => false,
      ),
    );
    await until('the last came', () => numbersOf(seen).includes(2));
  });

  it('hands out all that it acknowledged though Redis freezes again and again under load', async () => {
    server = await openRedis();
    const [producer, node] = [await open(), await open()];
    const { seen } = await consume(node);
    const acknowledged = new Set<string>();
    let [isBusy, n] = [true, 0];
    const load = async () => {
      for (; isBusy; n++) {
        const messages = numbers(40).map((issue) => messageFor(`issue-${issue}`, n));
        await producer.bus.publish(messages).then(
          () => {
            for (const { messageId } of messages) acknowledged.add(messageId);
          },
          () => undefined,
        );
      }
    };
    const loaded = load();
    for (let round = 0; round < 3; round++) {
      const before = seen.length;
      await until('it is under load', () => seen.length > before + 200);
      const losses = node.telemetry.all('redis-away').length;
      server.freeze();
      await until('it is noticed', () => node.telemetry.all('redis-away').length >= losses + 2);
      server.thaw();
    }
    isBusy = false;
    await loaded;
    await until('all came', () => {
      const ids = new Set(seen.map(({ message }) => message.messageId));
      return [...acknowledged].every((id) => ids.has(id));
    });
    expectOrder(seen);
  });

  it('does nothing on a reading that comes after a later one', async () => {
    server = await openRedis();
    const node = await open();
    const { seen } = await consume(node);
    const monitor = await server.client.duplicate().monitor();
    const readings: string[][] = [];
    monitor.on('monitor', (_time: string, args: string[]) => {
      if (args[6] === String(limits.busSuspectAfter)) readings.push(args);
    });
    await node.bus.publish([messageFor('issue-1', 0)]);
    await until('it came', () => seen.length === 1 && readings.length > 0);
    monitor.disconnect();
    const [command = '', ...args] = readings.at(-1)!;
    const next = messageFor('issue-1', 1);
    const stream = streamOfIssue('issue-1');
    const [, late] = (await server.client
      .multi()
      .xadd(stream, '*', 'id', next.messageId, 'body', textOf(next))
      .call(command, ...args)
      .exec()) as [unknown, [unknown, [number, unknown[]][]]];
    expect(new Set(late[1].map(([state, entries]) => `${state} ${entries.length}`))).toEqual(
      new Set(['-1 0']),
    );
    await until('the next came to its holder', () => seen.length === 2);
  });

  it('starts anew on a server that has lost everything', async () => {
    server = await openRedis();
    const node = await open();
    const { seen } = await consume(node);
    await node.bus.publish([messageFor('issue-1', 0)]);
    await until('it came', () => seen.length === 1);
    await server.client.flushall();
    await node.bus.publish([messageFor('issue-1', 1)]);
    await until('the next came', () => seen.length === 2);
    await server.kill();
    await server.start();
    await until('it takes messages again', () =>
      node.bus.publish([messageFor('issue-1', 2)]).then(
        () => true,
        () => false,
      ),
    );
    await until('the last came', () => numbersOf(seen).at(-1) === 2);
  });

  it('settles nothing of a shard whose fencing token is not its own', async () => {
    server = await openRedis();
    const node = await open();
    const hold = Promise.withResolvers<void>();
    const outcomes: string[] = [];
    const { seen } = await consume(node, async (delivery) => {
      await hold.promise;
      const settling =
        actorOf(delivery)[0] === 'issue-1'
          ? delivery.complete()
          : delivery.deadLetter({ code: 'INTERNAL', detail: '' });
      await settling.then(
        () => outcomes.push('settled'),
        ({ code }) => outcomes.push(code),
      );
    });
    await node.bus.publish([messageFor('issue-1'), messageFor('issue-2')]);
    await until('both are in hand', () => seen.length === 2);
    // Another holder, which is alive for a while.
    await server.client.zadd(`${base}:nodes`, Date.now() + 1_000, 'other');
    for (const issue of ['issue-1', 'issue-2']) {
      await server.client.hset(`${base}:leases`, String(shardOfIssue(issue)), 'other/999');
    }
    hold.resolve();
    await until('it tried', () => outcomes.length === 2);
    expect(outcomes).toEqual(['BUS_UNAVAILABLE', 'BUS_UNAVAILABLE']);
    expect(await server.client.xlen(streamOfIssue('issue-1'))).toBe(1);
    expect(await server.client.xlen(streamOfIssue('issue-2'))).toBe(1);
    await until('the other is dead, and they came again', () => outcomes.length === 4);
    expect(outcomes.slice(2)).toEqual(['settled', 'settled']);
  });

  it('hands each message to one node only, while four race for the shards', async () => {
    server = await openRedis();
    const nodes = await Promise.all(numbers(4).map(() => open({ limits: { busLeaseMs: 600 } })));
    const holders = new Map<string, number>();
    let most = 0;
    for (const node of nodes) {
      await consume(node, async (delivery) => {
        const [actor] = actorOf(delivery);
        const { messageId } = delivery.message;
        holders.set(messageId, (holders.get(messageId) ?? 0) + 1);
        most = Math.max(most, holders.get(messageId)!);
        expect(actor).toMatch(/^issue-/);
        await delivery.complete();
      });
    }
    for (let n = 0; n < 20; n++) {
      await nodes[0]!.bus.publish(numbers(50).map((issue) => messageFor(`issue-${issue}`, n)));
    }
    await until('all came', () => holders.size === 1_000);
    expect(most).toBe(1);
    const shares = nodes.map(
      ({ telemetry }) =>
        telemetry.all('shard-taken').length - telemetry.all('shard-released').length,
    );
    // With the intake, which is held as one more.
    expect(shares.toSorted()).toEqual([62, 65, 65, 65]);
  });

  it('gives a shard to another node when a message is in hand for too long', async () => {
    server = await openRedis();
    const node = await open({ limits: { shardWorkMs: 300 } });
    const never = new Promise<void>(() => undefined);
    const { seen } = await consume(node, (delivery) =>
      delivery.deliveryCount === 1 ? never : delivery.complete(),
    );
    await node.bus.publish(batch(3));
    await until('all came again', () => seen.length === 6);
    expect(seen.map(({ deliveryCount }) => deliveryCount)).toEqual([1, 1, 1, 2, 2, 2]);
    await expect(seen[0]!.complete()).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
  });

  it('does not count a delivery against a message whose holder stopped in good order', async () => {
    server = await openRedis();
    for (let stop = 0; stop < 12; stop++) {
      const node = await open();
      const consumed = await node.bus.consume(
        (delivery) => delivery.abandon({ code: 'LOG_UNAVAILABLE', detail: 'for the test' }),
        { inFlightMax: 1 },
      );
      if (stop === 0) await node.bus.publish(batch(5));
      await node.telemetry.first('shard-paused');
      await consumed();
    }
    const { seen } = await consume(await open());
    await until('all came', () => seen.length === 5);
    expect(numbersOf(seen)).toEqual(numbers(5));
    expect(seen.map(({ deliveryCount }) => deliveryCount)).toEqual([1, 1, 1, 1, 1]);
  });

  /** Entries that were in the hands of nodes which ended, each as often as told. */
  async function haunt(holders: readonly number[]): Promise<void> {
    const producer = await open();
    await producer.bus.publish(batch(holders.length));
    const stream = streamOfIssue('issue-1');
    await server.client.xgroup('CREATE', stream, 'cognisync', '0');
    const group = ['GROUP', 'cognisync', 'ghost'] as const;
    await server.client.xreadgroup(...group, 'STREAMS', stream, '>');
    const entries = await server.client.xrange(stream, '-', '+');
    for (const [at, count] of holders.entries()) {
      const id = entries[at]![0];
      await server.client.call(
        ...['XCLAIM', stream, 'cognisync', 'ghost', '0', id, 'RETRYCOUNT', String(count)],
      );
    }
  }

  it('makes a dead letter of a message that ended whoever had it, and of no other', async () => {
    server = await openRedis();
    await haunt([1, limits.busHoldersMax, 1]);
    const node = await open();
    const { seen } = await consume(node);
    await until('the others came', () => seen.length === 2);
    expect(numbersOf(seen)).toEqual([0, 2]);
    const letters = await node.bus.deadLetters.peek({ tenantId: 'acme', limit: 10 });
    expect(letters).toMatchObject([
      { messageId: 'acme/issue-1/1', reason: { code: 'MESSAGE_UNSETTLED' } },
    ]);
    const stream = streamOfIssue('issue-1');
    const consumers = (await server.client.xinfo('CONSUMERS', stream, 'cognisync')) as unknown[][];
    await until('the dead are forgotten', () => consumers.every(([, name]) => name !== 'ghost'));
  });

  it('hands out alone what several nodes ended with, so that its neighbours are not suspected', async () => {
    server = await openRedis();
    await haunt([4, 1, 5, 1]);
    const gates: (() => void)[] = [];
    const { seen } = await consume(await open(), async (delivery) => {
      await new Promise<void>((resolve) => gates.push(resolve));
      await delivery.complete();
    });
    const stages = [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]];
    for (const [stage, expected] of stages.entries()) {
      await until('the next came', () => gates.length === stage + 1);
      expect(numbersOf(seen)).toEqual(expected);
      const pending = await server.client.xpending(streamOfIssue('issue-1'), 'cognisync');
      const owners = new Map((pending as [number, string, string, [string, string][]])[3]);
      expect([...owners.values()].map(Number).reduce((sum, one) => sum + one)).toBe(4 - stage);
      expect(owners.size).toBe(stage === 3 ? 1 : 2);
      gates[stage]!();
    }
    expect(seen.map(({ deliveryCount }) => deliveryCount)).toEqual([5, 2, 6, 2]);
  });

  it('holds its shards all the same when its clock is an hour off', async () => {
    server = await openRedis();
    const hour = 60 * 60_000;
    const early = { ...systemClock, now: () => systemClock.now() - hour };
    const [node, other] = [await open({ clock: early }), await open()];
    const { seen } = await consume(node);
    const { seen: othersSeen } = await consume(other);
    await until('each has its share', () => other.telemetry.all('shard-taken').length >= 128);
    await other.bus.publish(numbers(100).map((n) => messageFor(`issue-${n}`)));
    await until('all came', () => seen.length + othersSeen.length === 100);
    expect(seen.length).toBeGreaterThan(0);
    expect(othersSeen.length).toBeGreaterThan(0);
  });
});
