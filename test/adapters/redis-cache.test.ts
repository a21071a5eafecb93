import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisCache, RedisConnection } from '#adapters/redis';
import { systemClock, systemIds } from '#adapters/system';
import { type Limits, limits as standardLimits } from '#runtime';
import { hasRedis, openRedis, type RedisServer } from '#test/redis';
import { Recorder } from '#test/telemetry';
import { cacheTestLimits, describeCache } from '../contracts/cache.ts';

const limits = { ...standardLimits, ...cacheTestLimits };

describe.runIf(hasRedis)('on a server', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await openRedis();
  });
  afterAll(() => server.close());

  async function openNode(prefix: string, bounds: Partial<Limits> = {}) {
    const telemetry = new Recorder();
    const all = { ...limits, ...bounds };
    const around = { clock: systemClock, ids: systemIds, telemetry, limits: all };
    const connection = new RedisConnection({
      access: { url: server.url },
      name: 'cache',
      ...around,
    });
    const cache = new RedisCache({ connection, prefix, ...around });
    await telemetry.first('cache-back');
    return { cache, connection, telemetry };
  }

  describeCache('the cache in Redis', async () => {
    const prefix = randomUUID();
    const [here, there] = await Promise.all([openNode(prefix), openNode(prefix)]);
    return {
      nodes: [here.cache, there.cache],
      dispose: async () => {
        for (const { cache, connection } of [here, there]) {
          await cache.close();
          connection.close();
        }
      },
    };
  });

  it('lets no node wait for a load that is its own to begin', async () => {
    const prefix = randomUUID();
    const { cache, connection } = await openNode(prefix, { cacheWaitMs: 60_000 });
    const key = { tenantId: 'acme', name: 'q' };
    const caching = { ttlMs: 60_000, tags: () => ['t'] };
    // Asked for while a load is under way that began too early: the lease may come with the question.
    const lease = `${prefix}:cache:{acme}:lease:q`;
    let taken: string | null = null;
    await cache.through(key, caching, async () => {
      taken = await server.client.get(lease);
      return 'old';
    });
    await cache.invalidate('acme', ['t']);
    await server.client.set(lease, taken!, 'PX', 60_000);
    expect(await cache.through(key, caching, async () => 'new')).toBe('new');
    expect(await server.client.exists(lease)).toBe(0);
    await cache.close();
    connection.close();
  });
});
