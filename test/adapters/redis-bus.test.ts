/** What the bus on Redis Streams does beyond its port: what it keeps in Redis, and what it refuses. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openRedisBus } from '#adapters/redis';
import { systemClock, systemIds } from '#adapters/system';
import { type BusMessage, type Delivery, limits, shardOf } from '#runtime';
import { hasRedis, openRedis, type RedisServer } from '#test/redis';
import { type NodeParts, openRedisNode, quickLimits, type RedisNode } from '#test/redis-bus';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';
import { actorOf, messageFor, textOf } from '../contracts/bus.ts';

const completing = (delivery: Delivery) => delivery.complete();
const shardOfIssue = (issue: string) => shardOf(`entity-acme/${issue}`, limits.shards);
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe.runIf(hasRedis)('the bus on Redis Streams', () => {
  let server: RedisServer;
  let tests = 0;
  let prefix = '';
  const opened: RedisNode[] = [];

  beforeAll(async () => {
    server = await openRedis();
  });
  afterAll(() => server.close());
  afterEach(async () => {
    for (const node of opened.splice(0)) await node.close();
    await server.client.flushall();
  });

  const open = async (parts: NodeParts = {}) => {
    if (opened.length === 0) prefix = `test-${tests++}`;
    const node = await openRedisNode(server, { prefix, ...parts });
    opened.push(node);
    return node;
  };
  const keyOf = (name: string | number) => `{${prefix}:bus}:${name}`;
  /** Consumes by `handle`; answers the messages in the order of their starts. */
  const consume = async (node: RedisNode, handle = completing, inFlightMax = 100) => {
    const seen: Delivery[] = [];
    await node.bus.consume(
      (delivery) => {
        seen.push(delivery);
        return handle(delivery);
      },
      { inFlightMax },
    );
    return seen;
  };
  const nobodys = (node: RedisNode) => node.bus.deadLetters.peek({ tenantId: null, limit: 100 });

  it('leaves nothing behind of what is settled, nor of a node that stopped', async () => {
    const node = await open();
    const seen = await consume(node);
    await node.bus.publish(numbers(200).map((n) => messageFor(`issue-${n}`)));
    await until('all are settled', async () => {
      const lengths = await Promise.all(
        numbers(limits.shards).map((shard) => server.client.xlen(keyOf(shard))),
      );
      return seen.length === 200 && lengths.every((length) => length === 0);
    });
    await opened.pop()!.close();
    expect(await server.client.keys(keyOf('bell:*'))).toEqual([]);
    expect(await server.client.zcard(keyOf('nodes'))).toBe(0);
    expect(await server.client.hlen(keyOf('leases'))).toBe(0);
    const shard = keyOf(shardOfIssue('issue-1'));
    expect(await server.client.xinfo('CONSUMERS', shard, 'cognisync')).toEqual([]);
  });

  it('stores a repeat of the same message once, and another body or tenant of the same id', async () => {
    const node = await open();
    const message = messageFor('issue-1');
    await node.bus.publish([message, message]);
    await node.bus.publish([message]);
    await node.bus.publish([{ ...message, body: `${message.body} ` }]);
    await node.bus.publish([{ ...messageFor('issue-1', 0, 'beta'), messageId: message.messageId }]);
    const seen = await consume(node);
    await until('three came', () => seen.length === 3);
    expect(await server.client.zcard(keyOf('seen'))).toBe(3);
  });

  it('forgets ids when their time is over, or when there are too many', async () => {
    const node = await open({ limits: { busSeenMs: 200, busSeenMessagesMax: 10 } });
    const seen = await consume(node);
    await node.bus.publish(numbers(25).map((n) => messageFor(`issue-${n}`)));
    expect(await server.client.zcard(keyOf('seen'))).toBe(10);
    await until('they are forgotten', async () => !(await server.client.exists(keyOf('seen'))));
    await node.bus.publish([messageFor('issue-24')]);
    await until('the repeat came', () => seen.length === 26);
  });

  it('takes no more of a shard than it may hold, all of a publish or nothing, and trims nothing', async () => {
    const node = await open({ limits: { shardBacklogMessagesMax: 10 } });
    const batch = (from: number, to: number) =>
      numbers(to - from).map((n) => messageFor('issue-1', from + n));
    await node.bus.publish(batch(0, 7));
    const other = messageFor('issue-2');
    await expect(node.bus.publish([other, ...batch(7, 11)])).rejects.toMatchObject({
      code: 'BUS_SATURATED',
    });
    expect(await server.client.xlen(keyOf(shardOfIssue('issue-2')))).toBe(0);
    await node.bus.publish(batch(7, 10));
    const seen = await consume(node);
    await until('those that fitted came', () => seen.length === 10);
    expect(seen.map((delivery) => actorOf(delivery)[1])).toEqual(numbers(10));
    await until('there is room again', () =>
      node.bus.publish([other, ...batch(10, 14)]).then(
        () => true,
        () => false,
      ),
    );
  });

  it('takes nothing when Redis has no memory left, and hands out what it has', async () => {
    const node = await open();
    await node.bus.publish(numbers(5).map((n) => messageFor('issue-1', n)));
    await server.client.config('SET', 'maxmemory', '1');
    try {
      await expect(node.bus.publish([messageFor('issue-2')])).rejects.toMatchObject({
        code: 'BUS_SATURATED',
      });
    } finally {
      await server.client.config('SET', 'maxmemory', '0');
    }
    await node.bus.publish([messageFor('issue-2')]);
    const seen = await consume(node);
    await until('all came', () => seen.length === 6);
  });

  it('refuses a body that is larger than a message may be', async () => {
    const node = await open();
    const body = 'x'.repeat(limits.messageBytesMax + 1);
    const publishing = node.bus.publish([messageFor('issue-1'), { messageId: 'large', body }]);
    await expect(publishing).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    expect(await server.client.xlen(keyOf(shardOfIssue('issue-1')))).toBe(0);
  });

  it('holds no more bodies in hand than it has room for', async () => {
    const bodyBytes = 100_000;
    const node = await open({ limits: { busHeldBytesMax: 5 * bodyBytes } });
    const large = numbers(40).map(
      (n): BusMessage => ({ messageId: `large-${n}`, body: `${n}`.padEnd(bodyBytes) }),
    );
    await node.bus.publish(large);
    const hold = Promise.withResolvers<void>();
    const seen = await consume(node, async (delivery) => {
      await hold.promise;
      await delivery.complete();
    });
    await until('its hands are full', () => seen.length >= 5);
    await node.bus.publish([messageFor('issue-1')]);
    // Eight are read at a time of any one shard.
    expect(seen.length).toBeLessThan(5 + 8);
    hold.resolve();
    await until('all came', () => seen.length === 41);
  });

  it('puts entries that are no messages to the dead letters, and blocks no shard for them', async () => {
    const node = await open();
    await node.bus.publish([messageFor('issue-1', 0)]);
    const shard = keyOf(shardOfIssue('issue-1'));
    await server.client.xadd(shard, '*', 'colour', 'blue', 'id', 'by hand');
    await server.client.xadd(shard, '*', 'text', 'neither');
    await server.client.xadd(shard, '*', 'body', 'no id');
    await server.client.xadd(shard, '*', 'id', '\xff', 'body', Buffer.of(0xff, 0), 'more', '1');
    await node.bus.publish([messageFor('issue-1', 1)]);
    const seen = await consume(node, (delivery) =>
      delivery.message.messageId.startsWith('acme/')
        ? delivery.complete()
        : delivery.deadLetter({ code: 'MESSAGE_NOT_JSON', detail: 'for the test' }),
    );
    const letters = await until('four dead letters', async () => {
      const found = await nobodys(node);
      return found.length === 4 ? found : null;
    });
    expect(letters).toMatchObject([
      { messageId: 'by hand', reason: { code: 'MESSAGE_INVALID' } },
      { messageId: expect.stringMatching(/^entry-\d+-\d+$/), reason: { code: 'MESSAGE_INVALID' } },
      { messageId: expect.stringMatching(/^entry-/), body: 'no id' },
      { messageId: 'ÿ', body: '/wA=', encoding: 'base64' },
    ]);
    expect(JSON.parse(letters[0]!.body)).toEqual(['colour', 'blue', 'id', 'by hand']);
    await until('what stands behind them came', () => actorOf(seen.at(-1)!)[1] === 1);
  });

  it('finds the shards of what others put into the intake, in order, once', async () => {
    const node = await open();
    const seen = await consume(node);
    const intake = keyOf('intake');
    for (const n of numbers(5)) {
      await server.client.xadd(intake, '*', 'body', textOf(messageFor('issue-1', n)));
    }
    await until('all came', () => seen.length === 5);
    expect(seen.map((delivery) => actorOf(delivery)[1])).toEqual(numbers(5));
    await server.client.xadd(intake, '*', 'body', textOf(messageFor('issue-1', 0)));
    await server.client.xadd(intake, '*', 'body', 'no JSON', 'id', 'odd');
    await server.client.xadd(intake, '*', 'colour', 'blue');
    const large = 'x'.repeat(limits.messageBytesMax + 1);
    await server.client.xadd(intake, '*', 'body', large, 'id', 'large');
    await until('what can not be passed on is a dead letter', async () => {
      const codes = (await nobodys(node)).map(({ reason }) => reason.code);
      return codes.includes('MESSAGE_INVALID') && codes.includes('MESSAGE_TOO_LARGE');
    });
    await until('what can be passed on is', () => seen.length === 6);
    expect(seen.at(-1)!.message).toEqual({ messageId: 'odd', body: 'no JSON' });
    await until('the intake is empty', async () => (await server.client.xlen(intake)) === 0);
  });

  it('reads dead letters that others wrote, and takes no id that is none', async () => {
    const node = await open();
    await server.client.xadd(keyOf('dead:acme'), '*', 'nothing', 'known');
    const [letter] = await node.bus.deadLetters.peek({ tenantId: 'acme', limit: 10 });
    expect(letter).toMatchObject({ reason: { code: 'INTERNAL' }, body: '' });
    for (const id of ['', '0', '-', '(1', '9'.repeat(30), '1-1', 'x']) {
      expect(await node.bus.deadLetters.get({ tenantId: 'acme', id })).toBeNull();
      expect(await node.bus.deadLetters.redrive({ tenantId: 'acme', ids: [id] })).toBe(0);
    }
  });

  it('redrives and purges more than one page', async () => {
    const node = await open({ limits: { deadLettersPageMax: 250 } });
    let isMended = false;
    const seen = await consume(node, (delivery) =>
      isMended ? delivery.complete() : delivery.deadLetter({ code: 'INTERNAL', detail: '' }),
    );
    await node.bus.publish(numbers(300).map((n) => messageFor(`issue-${n}`)));
    const letters = () => node.bus.deadLetters.peek({ tenantId: 'acme', limit: 1_000 });
    await until('all are dead letters', async () => (await letters()).length === 300);
    isMended = true;
    expect(await node.bus.deadLetters.redrive({ tenantId: 'acme' })).toBe(250);
    await until('they came again', () => seen.length === 550);
    expect(await node.bus.deadLetters.purge({ tenantId: 'acme' })).toBe(50);
    expect(await letters()).toEqual([]);
  });

  it('is refused by a server that would throw messages away, or does not let it in', async () => {
    const evicting = await openRedis({ 'maxmemory-policy': 'allkeys-lru' });
    const locked = await openRedis({ requirepass: 'secret' });
    const access = (url: string) => ({
      access: { url },
      prefix: 'cognisync',
      clock: systemClock,
      ids: systemIds,
      telemetry: new Recorder(),
      limits: quickLimits,
    });
    try {
      const refused = { code: 'BUS_REFUSED' };
      await expect(openRedisBus(access(evicting.url))).rejects.toMatchObject(refused);
      await expect(openRedisBus(access(locked.url))).rejects.toMatchObject(refused);
      const wrong = locked.url.replace('//', '//:guess@');
      await expect(openRedisBus(access(wrong))).rejects.toMatchObject(refused);
      const right = await openRedisBus(access(locked.url.replace('//', '//:secret@')));
      await right.check();
      await right.close();
      await locked.kill();
      const away = { code: 'BUS_UNAVAILABLE' };
      await expect(openRedisBus(access(locked.url))).rejects.toMatchObject(away);
    } finally {
      await evicting.close();
      await locked.close();
    }
  });

  it('says what the settings of Redis may lose', async () => {
    const risk = async () => {
      const { telemetry } = await open();
      return telemetry.all('bus-doubted').map((one) => one.risk);
    };
    expect(await risk()).toEqual([expect.stringMatching(/^appendonly is off/)]);
    await server.client.config('SET', 'appendonly', 'yes');
    expect(await risk()).toEqual([expect.stringMatching(/^appendfsync is everysec/)]);
    await server.client.config('SET', 'appendfsync', 'always');
    expect(await risk()).toEqual([]);
    await server.client.config('SET', 'appendonly', 'no');
  });
});
