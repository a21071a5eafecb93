import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RedisAccess, RedisBroadcast, RedisCache, RedisConnection } from '#adapters/redis';
import { systemClock, systemIds } from '#adapters/system';
import { type Limits, limits as standardLimits } from '#runtime';
import { hasRedis } from '#test/redis';
import {
  openRedisCluster,
  openRedisSentinel,
  type RedisCluster,
  type RedisWatched,
} from '#test/redis-fleet';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';
import {
  broadcastTestLimits,
  channel,
  describeBroadcast,
  listening,
} from '../contracts/broadcast.ts';
import { cacheTestLimits, describeCache } from '../contracts/cache.ts';

const limits: Limits = { ...standardLimits, ...broadcastTestLimits, ...cacheTestLimits };

async function openNode(access: RedisAccess, prefix: string) {
  const telemetry = new Recorder();
  const around = { clock: systemClock, ids: systemIds, telemetry, limits };
  const connection = new RedisConnection({ access, name: 'commands', ...around });
  const cache = new RedisCache({ connection, prefix, ...around });
  const broadcast = new RedisBroadcast({ connection, prefix, ...around });
  await telemetry.first('cache-back');
  const close = async () => {
    await Promise.all([cache.close(), broadcast.close()]);
    connection.close();
  };
  return { connection, cache, broadcast, telemetry, close };
}

async function openNodes(access: RedisAccess) {
  const prefix = randomUUID();
  const [here, there] = await Promise.all([openNode(access, prefix), openNode(access, prefix)]);
  const dispose = async () => void (await Promise.all([here.close(), there.close()]));
  return { here, there, dispose };
}
type Nodes = Awaited<ReturnType<typeof openNodes>>;

/** The server that everybody used is gone; all goes on, without a restart. */
async function survives({ here, there }: Nodes, kill: () => Promise<void>): Promise<void> {
  const tenants = Array.from({ length: 20 }, (_, i) => `t${i}`);
  const caching = { ttlMs: 60_000, tags: () => ['t'] };
  const read = (tenantId: string, value: string) =>
    there.cache.through({ tenantId, name: 'q' }, caching, async () => value);
  const ears = await Promise.all(
    tenants.map((tenant) => listening(there.broadcast, channel('notifications', tenant))),
  );
  let round = 0;
  const readAll = () => {
    round += 1;
    return Promise.all(tenants.map((tenant) => read(tenant, `round ${round}`)));
  };
  await readAll();
  await kill();
  await here.cache.invalidate('t0', ['t']);
  await until(
    'the cache keeps again, for all',
    async () => {
      const [before, after] = [await readAll(), await readAll()];
      return before.join() === after.join() && here.connection.isReady;
    },
    20_000,
  );
  await until('nobody who invalidates has to wait', async () => {
    return (await here.cache.invalidate('t0', ['t'])) === 'told';
  });
  expect(await read('t0', 'newest')).toBe('newest');
  await until(
    'all are heard',
    async () => {
      await Promise.all(
        tenants.map((tenant) => here.broadcast.publish(channel('notifications', tenant), ['x'])),
      );
      return ears.every(({ ear }) => ear.heard.length > 0);
    },
    20_000,
  );
  expect(ears.some(({ ear }) => ear.misses > 1)).toBe(true);
}

describe.runIf(hasRedis)('on a Cluster', () => {
  let cluster: RedisCluster;
  const access = (): RedisAccess => ({
    clusterNodes: cluster.masters.map(({ host, port }) => ({ host, port })),
  });
  beforeAll(async () => {
    cluster = await openRedisCluster();
  });
  afterAll(() => cluster.close());

  describeCache('the cache in Redis', async () => {
    const { here, there, dispose } = await openNodes(access());
    return { nodes: [here.cache, there.cache], dispose };
  });

  describeBroadcast('broadcast over Redis', async () => {
    const { here, there, dispose } = await openNodes(access());
    const nodes = [here.broadcast, there.broadcast] as const;
    return { nodes, telemetry: here.telemetry, dispose };
  });

  it('spreads channels and tenants over all servers', async () => {
    const { here, there, dispose } = await openNodes(access());
    for (let i = 0; i < 20; i++) {
      const caching = { ttlMs: 60_000, tags: () => [] };
      await here.cache.through({ tenantId: `t${i}`, name: 'q' }, caching, async () => i);
      await listening(there.broadcast, channel('notifications', `t${i}`));
    }
    for (const { client } of cluster.masters) {
      expect(await client.dbsize()).toBeGreaterThan(0);
      expect(await client.pubsub('SHARDCHANNELS')).not.toEqual([]);
    }
    await dispose();
  });

  it('follows a channel whose slot moves to another server', async () => {
    const { here, there, dispose } = await openNodes(access());
    const { ear } = await listening(there.broadcast);
    const name = (
      await Promise.all(cluster.masters.map(({ client }) => client.pubsub('SHARDCHANNELS')))
    )
      .flat()
      .find((one) => String(one).endsWith('notifications:acme')) as string;
    const slot = String(await cluster.masters[0]!.client.call('CLUSTER', 'KEYSLOT', name));
    const ids = await Promise.all(
      cluster.masters.map(async ({ client }) => String(await client.cluster('MYID'))),
    );
    const keys = await Promise.all(
      cluster.masters.map(({ client }) => client.pubsub('SHARDNUMSUB', name) as Promise<unknown[]>),
    );
    const from = keys.findIndex((numbers) => Number(numbers[1]) > 0);
    const to = (from + 1) % 3;
    await cluster.masters[to]!.client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from]!);
    await cluster.masters[from]!.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to]!);
    for (const { client } of [cluster.masters[to]!, cluster.masters[from]!, ...cluster.masters]) {
      await client.call('CLUSTER', 'SETSLOT', slot, 'NODE', ids[to]!);
    }
    await until('it knows that it missed some', () => ear.misses > 1);
    await until('it hears what is published where the slot is now', async () => {
      await here.broadcast.publish(channel(), ['after']);
      return ear.heard.includes('after');
    });
    await dispose();
  });
});

describe.runIf(hasRedis)('a failover', () => {
  let close: (() => Promise<void>)[] = [];
  beforeEach(() => {
    close = [];
  });
  afterEach(async () => {
    for (const one of close.reverse()) await one();
  });

  it('in a Cluster loses neither an invalidation nor a channel', async () => {
    const cluster = await openRedisCluster();
    close.push(() => cluster.close());
    const nodes = await openNodes({
      clusterNodes: cluster.masters.map(({ host, port }) => ({ host, port })),
    });
    close.push(nodes.dispose);
    await survives(nodes, () => cluster.masters[0]!.kill());
  });

  it('by Sentinels loses neither an invalidation nor a channel', async () => {
    const watched: RedisWatched = await openRedisSentinel();
    close.push(() => watched.close());
    const { host, port } = watched.sentinel;
    const nodes = await openNodes({ sentinels: { master: 'mymaster', places: [{ host, port }] } });
    close.push(nodes.dispose);
    await survives(nodes, () => watched.master.kill());
  });
});
