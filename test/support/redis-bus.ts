/** Nodes of the bus on a real Redis, each on a wire of its own that can freeze and break. */
import { openRedisBus, type RedisBus } from '#adapters/redis';
import { systemClock, systemIds } from '#adapters/system';
import type { Clock, Limits } from '#runtime';
import { Recorder } from './telemetry.ts';
import { openWire } from './wire.ts';
import { type WiredBus, wired } from './wired-bus.ts';

/** Bounds that a test reaches in its time. */
export const quickLimits: Partial<Limits> = {
  busLeaseMs: 2_000,
  busTickMs: 100,
  busListenMs: 500,
  busAnswerMs: 2_000,
  redisSilenceMs: 1_000,
  redisRetryCapMs: 100,
  retryBaseMs: 20,
  retryCapMs: 200,
};

export interface NodeParts {
  readonly prefix?: string;
  readonly clock?: Clock;
  readonly limits?: Partial<Limits>;
}

export type RedisNode = WiredBus<RedisBus>;

/** One more node on the server that listens there. */
export async function openRedisNode(
  { port }: { readonly port: number },
  { prefix = 'cognisync', clock = systemClock, limits = {} }: NodeParts = {},
): Promise<RedisNode> {
  const wire = await openWire(port);
  const telemetry = new Recorder();
  const bus = await openRedisBus({
    access: { url: `redis://127.0.0.1:${wire.port}` },
    prefix,
    clock,
    ids: systemIds,
    telemetry,
    limits: { ...quickLimits, ...limits },
  });
  return wired(bus, wire, telemetry);
}
