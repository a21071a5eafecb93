import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisBroadcast, RedisConnection } from '#adapters/redis';
import { systemClock, systemIds } from '#adapters/system';
import { type Limits, limits as standardLimits } from '#runtime';
import { hasRedis, openRedis, type RedisServer } from '#test/redis';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';
import { channel, Ear, listening } from '../contracts/broadcast.ts';

const limits: Limits = {
  ...standardLimits,
  redisAnswerMs: 100,
  redisSilenceMs: 300,
  redisConnectMs: 300,
  redisRetryCapMs: 100,
  broadcastWaitingMax: 100,
};

interface Node {
  readonly broadcast: RedisBroadcast;
  readonly connection: RedisConnection;
  readonly telemetry: Recorder;
  close(): Promise<void>;
}

describe.runIf(hasRedis)('broadcast while Redis is away', () => {
  let server: RedisServer;
  const nodes: Node[] = [];
  beforeEach(async () => {
    server = await openRedis();
  });
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.close();
    await server.close();
  });

  function openNode(): Node {
    const telemetry = new Recorder();
    const around = { clock: systemClock, ids: systemIds, telemetry, limits };
    const access = { url: server.url };
    const connection = new RedisConnection({ access, name: 'commands', ...around });
    const broadcast = new RedisBroadcast({ connection, prefix: 'cognisync', ...around });
    const close = async () => {
      await broadcast.close();
      connection.close();
    };
    const node = { broadcast, connection, telemetry, close };
    nodes.push(node);
    return node;
  }

  const ready = ({ connection }: Node) => until('it is ready', () => connection.isReady);
  const sent = ({ broadcast }: Node, text: string) =>
    until('it is sent', async () => (await broadcast.publish(channel(), [text])) === 'sent');

  it('drops at once what it can not send, and says so', async () => {
    const node = openNode();
    await ready(node);
    await server.kill();
    await until('it is lost', () => !node.connection.isReady);
    const many = Array.from({ length: 1_000 }, (_, i) => `${i}`);
    expect(await node.broadcast.publish(channel(), many)).toBe('dropped');
    expect(node.telemetry.all('broadcast-dropped')).toMatchObject([
      { channel: 'cognisync:notifications:acme', messages: 1_000 },
    ]);
  });

  it('hears again by itself after an outage, and tells each listener once that it missed some', async () => {
    const [here, there] = [openNode(), openNode()];
    await Promise.all([ready(here), ready(there)]);
    const ears = await Promise.all(
      ['acme', 'beta'].map((tenant) =>
        listening(there.broadcast, channel('notifications', tenant)),
      ),
    );
    await server.kill();
    await server.start();
    await until('both know', () => ears.every(({ ear }) => ear.misses > 1));
    await until('it is sent', () => here.connection.isReady);
    await here.broadcast.publish(channel(), ['after']);
    await until('it is heard', () => ears[0]!.ear.heard.includes('after'));
    expect(ears.map(({ ear }) => ear.misses)).toEqual([2, 2]);
  });

  it('listens from when Redis is there for the first time', async () => {
    await server.kill();
    const node = openNode();
    const ear = new Ear();
    node.broadcast.subscribe(channel(), ear);
    expect(await node.broadcast.publish(channel(), ['too early'])).toBe('dropped');
    await server.start();
    await until('it hears', () => ear.misses > 0);
    await sent(node, 'in time');
    await until('it is heard', () => ear.heard.includes('in time'));
  });

  it('tells the listeners of other nodes when what a node published was dropped', async () => {
    const [here, there] = [openNode(), openNode()];
    await Promise.all([ready(here), ready(there)]);
    const { ear } = await listening(there.broadcast);
    // More at once than may wait; the connection is well.
    const many = Array.from({ length: 150 }, (_, i) => `${i}`);
    expect(await here.broadcast.publish(channel(), many)).toBe('dropped');
    await until('the other node knows', () => ear.misses === 2);
    expect(ear.heard).toEqual(many.slice(0, 100));
    expect(await here.broadcast.publish(channel(), ['again'])).toBe('sent');
  });

  it('holds no more than its bound for a server that is frozen, and finds out that it is', async () => {
    const [here, there] = [openNode(), openNode()];
    await Promise.all([ready(here), ready(there)]);
    const { ear } = await listening(there.broadcast);
    server.freeze();
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, (_, i) => here.broadcast.publish(channel(), [`${i}`])),
    );
    expect(new Set(outcomes)).toEqual(new Set(['dropped']));
    await there.telemetry.first('redis-away', ({ connection }) => connection === 'listen');
    server.thaw();
    await until('the other node knows', () => ear.misses > 1);
    await sent(here, 'after');
    await until('it is heard', () => ear.heard.includes('after'));
  });

  it('hears again after its connection broke and nobody else noticed', async () => {
    const [here, there] = [openNode(), openNode()];
    await Promise.all([ready(here), ready(there)]);
    const { ear } = await listening(there.broadcast);
    await server.disconnect();
    await until('it knows', () => ear.misses > 1);
    await sent(here, 'after');
    await until('it is heard', () => ear.heard.includes('after'));
  });

  it('leaves nothing behind in Redis when nobody listens any more', async () => {
    const node = openNode();
    await ready(node);
    const { end } = await listening(node.broadcast);
    const numbers = () => server.client.pubsub('NUMSUB', 'cognisync:notifications:acme');
    expect(await numbers()).toEqual(['cognisync:notifications:acme', 1]);
    end();
    await until('it is unsubscribed', async () => (await numbers())[1] === 0);
  });
});
