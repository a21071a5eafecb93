import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { RedisBroadcast, RedisConnection } from '#adapters/redis';
import { systemClock, systemIds } from '#adapters/system';
import { limits as standardLimits } from '#runtime';
import { hasRedis, openRedis, type RedisServer } from '#test/redis';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';
import { broadcastTestLimits, describeBroadcast } from '../contracts/broadcast.ts';

const limits = { ...standardLimits, ...broadcastTestLimits };

describe.runIf(hasRedis)('on a server', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await openRedis();
  });
  afterAll(() => server.close());

  async function openNode(prefix: string) {
    const telemetry = new Recorder();
    const around = { clock: systemClock, ids: systemIds, telemetry, limits };
    const access = { url: server.url };
    const connection = new RedisConnection({ access, name: 'commands', ...around });
    const broadcast = new RedisBroadcast({ connection, prefix, ...around });
    await until('the connection is ready', () => connection.isReady);
    return { broadcast, connection, telemetry };
  }

  describeBroadcast('broadcast over Redis', async () => {
    const prefix = randomUUID();
    const [here, there] = await Promise.all([openNode(prefix), openNode(prefix)]);
    return {
      nodes: [here.broadcast, there.broadcast],
      telemetry: here.telemetry,
      dispose: async () => {
        for (const { broadcast, connection } of [here, there]) {
          await broadcast.close();
          connection.close();
        }
      },
    };
  });
});
