import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisCache, RedisConnection } from '#adapters/redis';
import { systemClock, systemIds } from '#adapters/system';
import { type Cache, type Limits, limits as standardLimits } from '#runtime';
import { hasRedis, openRedis, type RedisServer } from '#test/redis';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';

const outageLimits: Limits = {
  ...standardLimits,
  redisAnswerMs: 100,
  redisSilenceMs: 300,
  redisConnectMs: 300,
  redisRetryCapMs: 100,
};
const caching = { ttlMs: 60_000, tags: () => ['t'] };
const key = { tenantId: 'acme', name: 'q' };
const prefix = () => randomUUID();

interface Node {
  readonly cache: RedisCache;
  readonly telemetry: Recorder;
  close(): Promise<void>;
}

describe.runIf(hasRedis)('the cache while Redis is away', () => {
  let server: RedisServer;
  const nodes: Node[] = [];
  beforeEach(async () => {
    server = await openRedis({ appendonly: 'yes', appendfsync: 'always' });
  });
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.close();
    await server.close();
  });

  function openNode(name: string, limits: Partial<Limits> = {}): Node {
    const telemetry = new Recorder();
    const around = { clock: systemClock, ids: systemIds, telemetry };
    const all = { ...outageLimits, ...limits };
    const access = { url: server.url };
    const connection = new RedisConnection({ access, name: 'cache', ...around, limits: all });
    const cache = new RedisCache({ connection, prefix: name, ...around, limits: all });
    const node = {
      cache,
      telemetry,
      close: async () => {
        await cache.close();
        connection.close();
      },
    };
    nodes.push(node);
    return node;
  }

  const read = (cache: Cache, value: string) => cache.through(key, caching, async () => value);
  /** Waits until it has come back this often, the first time when it was opened. */
  const back = ({ telemetry }: Node, times = 1) =>
    until(`it is back ${times} times`, () => telemetry.all('cache-back')[times - 1]);
  const away = ({ telemetry }: Node) => telemetry.first('cache-away');

  it('lets reads go to the store before it was ever there, and needs no restart', async () => {
    await server.kill();
    const node = openNode(prefix());
    expect(await read(node.cache, '1')).toBe('1');
    expect(await read(node.cache, '2')).toBe('2');
    await server.start();
    await back(node);
    expect(await read(node.cache, '3')).toBe('3');
    expect(await read(node.cache, '4')).toBe('3');
  });

  it('lets reads go to the store while a server that was killed is away', async () => {
    const node = openNode(prefix());
    await back(node);
    await read(node.cache, '1');
    await server.kill();
    await until('reads go past it', async () => (await read(node.cache, '2')) === '2');
    await server.start();
    await back(node, 2);
    expect(await read(node.cache, '3')).toBe('3');
    expect(await read(node.cache, '4')).toBe('3');
  });

  it('pays for a server that is frozen once, not with every read', async () => {
    const node = openNode(prefix());
    await back(node);
    await read(node.cache, 'kept');
    server.freeze();
    const reads = await Promise.all(Array.from({ length: 100 }, () => read(node.cache, 'loaded')));
    expect(new Set(reads)).toEqual(new Set(['loaded']));
    for (let i = 0; i < 100; i++) expect(await read(node.cache, `now ${i}`)).toBe(`now ${i}`);
    expect(node.telemetry.all('cache-away')).toHaveLength(1);
    server.thaw();
    await back(node, 2);
    expect(await read(node.cache, 'new')).toBe('kept');
  });

  it('tells all that was invalidated meanwhile before it serves again', async () => {
    const name = prefix();
    const [here, there] = [openNode(name), openNode(name)];
    await Promise.all([back(here), back(there)]);
    await read(here.cache, 'old');
    server.freeze();
    expect(await here.cache.invalidate('acme', ['t'])).toBe('kept');
    expect(await here.cache.invalidate('beta', ['u', 'v'])).toBe('kept');
    expect(await read(here.cache, 'new')).toBe('new');
    server.thaw();
    await back(here, 2);
    expect(here.telemetry.all('cache-back')[1]).toMatchObject({ tags: 3, isEmptied: false });
    expect(await read(here.cache, 'newer')).toBe('newer');
    await until('the other node reads', async () => (await read(there.cache, 'x')) === 'newer');
  });

  it('empties the cache when more was invalidated meanwhile than it remembers', async () => {
    const name = prefix();
    const [here, there] = [openNode(name, { cacheTagsWaitingMax: 10 }), openNode(name)];
    await Promise.all([back(here), back(there)]);
    await read(here.cache, 'old');
    await here.cache.through({ ...key, tenantId: 'beta' }, caching, async () => 'old');
    server.freeze();
    await here.cache.invalidate(
      'acme',
      Array.from({ length: 11 }, (_, i) => `other ${i}`),
    );
    server.thaw();
    await back(here, 2);
    expect(here.telemetry.all('cache-back')[1]).toMatchObject({ isEmptied: true });
    await until('the other node is back', () => read(there.cache, 'new').then((x) => x === 'new'));
    const beta = there.cache.through({ ...key, tenantId: 'beta' }, caching, async () => 'new');
    expect(await beta).toBe('new');
  });

  it('serves nothing from before a restart, whose file may lack the last invalidations', async () => {
    const node = openNode(prefix());
    await back(node);
    await read(node.cache, 'old');
    const kept = await server.client.dbsize();
    expect(kept).toBeGreaterThan(0);
    await server.kill();
    await server.start();
    await back(node, 2);
    expect(await server.client.dbsize()).toBe(kept);
    expect(await read(node.cache, 'new')).toBe('new');
  });

  it('serves nothing from before a failover, which may have lost the last invalidations', async () => {
    const node = openNode(prefix());
    await back(node);
    await read(node.cache, 'old');
    // A master whose history becomes another's without a restart: a replica for a while, and back.
    const other = await openRedis();
    await server.client.replicaof(other.host, other.port);
    await server.client.replicaof('no', 'one');
    await other.close();
    await until('it is kept again', async () => {
      await read(node.cache, 'new');
      return (await read(node.cache, 'newer')) === 'new';
    });
  });

  it('does not keep what was read before Redis forgot the tag or the clock', async () => {
    const name = prefix();
    const node = openNode(name);
    await back(node);
    for (const forgotten of [['clock'], ['tag:t'], ['clock', 'tag:t']]) {
      await read(node.cache, 'seen');
      await node.cache.invalidate('acme', ['t']);
      const { promise: gate, resolve: open } = Promise.withResolvers<void>();
      let isLoading = false;
      const slow = node.cache.through(key, caching, async () => {
        isLoading = true;
        await gate;
        return 'old';
      });
      await until('it loads', () => isLoading);
      await node.cache.invalidate('acme', ['t']);
      const keys = forgotten.map((one) => `${name}:cache:{acme}:${one}`);
      expect(await server.client.del(...keys)).toBe(keys.length);
      await node.cache.through({ ...key, name: 'other' }, caching, async () => 'a new clock');
      open();
      await slow;
      expect(await read(node.cache, 'new')).toBe('new');
      await node.cache.invalidate('acme', ['t']);
    }
  });

  it('serves nothing whose tag Redis forgot', async () => {
    const name = prefix();
    const node = openNode(name);
    await back(node);
    await read(node.cache, 'old');
    await server.client.del(`${name}:cache:{acme}:tag:t`);
    await node.cache.invalidate('acme', ['t']);
    expect(await read(node.cache, 'new')).toBe('new');
  });

  it('leaves no key that does not expire', async () => {
    const node = openNode(prefix());
    await back(node);
    await read(node.cache, 'kept');
    await node.cache.invalidate('acme', ['t', 'never seen']);
    await read(node.cache, 'kept');
    const keys = await server.client.keys('*');
    expect(keys).toHaveLength(3);
    for (const one of keys) expect(await server.client.pttl(one)).toBeGreaterThan(0);
  });

  it('gives a question back when a load failed, so that nobody waits for it', async () => {
    const name = prefix();
    const patient = { cacheLeaseMs: 600_000, cacheWaitMs: 500_000 };
    const [here, there] = [openNode(name, patient), openNode(name, patient)];
    await Promise.all([back(here), back(there)]);
    const failing = here.cache.through(key, caching, async () => {
      throw new Error('the store is away');
    });
    await expect(failing).rejects.toThrow('the store is away');
    expect(await read(there.cache, 'loaded')).toBe('loaded');
  });

  it('takes a full server for one that is away, and reads go on', async () => {
    const node = openNode(prefix());
    await back(node);
    await server.client.config('SET', 'maxmemory', '1');
    expect(await read(node.cache, '1')).toBe('1');
    await away(node);
    expect(await node.cache.invalidate('acme', ['t'])).toBe('kept');
    await server.client.config('SET', 'maxmemory', '0');
    await until('it keeps again', async () => {
      await read(node.cache, 'kept');
      return (await read(node.cache, 'another')) === 'kept';
    });
  });
});
