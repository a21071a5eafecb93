import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { RedisCache, RedisConnection } from '#adapters/redis';
import { systemClock, systemIds } from '#adapters/system';
import { limits as standardLimits } from '#runtime';
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

  async function openNode(prefix: string) {
    const telemetry = new Recorder();
    const around = { clock: systemClock, ids: systemIds, telemetry, limits };
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
});
