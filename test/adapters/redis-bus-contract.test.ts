/** The suites of `Bus`, for one and for several nodes, on a real Redis; a prefix of its own for each test. */
import { afterAll, beforeAll, describe } from 'vitest';
import { hasRedis, openRedis, type RedisServer } from '#test/redis';
import { openRedisNode, quickLimits } from '#test/redis-bus';
import { describeBus } from '../contracts/bus.ts';
import { describeBusNodes } from '../contracts/bus-nodes.ts';

describe.runIf(hasRedis)('on a Redis', () => {
  let server: RedisServer;
  let tests = 0;

  beforeAll(async () => {
    server = await openRedis();
  });
  afterAll(() => server.close());

  const fresh = async () => {
    const prefix = `test-${tests++}`;
    return {
      open: () => openRedisNode(server, { prefix }),
      dispose: async () => undefined,
    };
  };

  describeBus('the bus on Redis Streams, held to its port', fresh);

  describeBusNodes('nodes on Redis Streams', async () => ({
    ...(await fresh()),
    lockMs: quickLimits.busLeaseMs!,
  }));
});
