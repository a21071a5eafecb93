/**
 * What nodes tell each other and keep for each other, beside the stores: broadcast and cache. In Redis
 * where the environment names one, else in this process.
 *
 * With Redis comes the process manager that tells other services what changed.
 */
import { MemoryBroadcast, MemoryCache } from '#adapters/memory';
import type { RedisInfo } from '#adapters/redis';
import { Checkpoint, notificationsProjection, tellingNotifications } from '#projections';
import {
  type Broadcast,
  type Cache,
  type HostedProjection,
  host,
  type Log,
  limits,
  type Progress,
  type ReadStore,
} from '#runtime';
import type { Config } from './config.ts';
import { hasRedis, redisAccess } from './redis-settings.ts';
import type { NodeSurroundings } from './surroundings.ts';

interface SharingOptions {
  readonly config: Pick<Config, 'redis'>;
  readonly surroundings: NodeSurroundings;
  readonly log: Log;
  readonly readStore: ReadStore;
  /** Of the graph. */
  readonly progress: () => Progress;
  /** Ends what waits when the node drains. */
  readonly signal: AbortSignal;
}

export interface Sharing {
  readonly broadcast: Broadcast;
  readonly cache: Cache;
  readonly projections: readonly HostedProjection[];
  /** How Redis stands; absent without one. Rejects with REDIS_UNAVAILABLE. */
  readonly redis?: () => Promise<RedisInfo>;
  close(): Promise<void>;
}

/** Does not wait for Redis, without which a node does all but tell other services. */
export async function openSharing(options: SharingOptions): Promise<Sharing> {
  return hasRedis(options.config.redis) ? inRedis(options) : inProcess(options);
}

function inProcess({ surroundings }: SharingOptions): Sharing {
  const broadcast = new MemoryBroadcast(surroundings);
  const cache = new MemoryCache(surroundings);
  return {
    broadcast,
    cache,
    projections: [],
    close: async () => {
      await Promise.all([broadcast.close(), cache.close()]);
    },
  };
}

async function inRedis({ config, surroundings, ...options }: SharingOptions): Promise<Sharing> {
  const { redis } = config;
  const { RedisBroadcast, RedisCache, RedisConnection, redisInfo } = await import(
    '#adapters/redis'
  );
  const around = { ...surroundings, limits, prefix: redis.channelPrefix };
  const connection = new RedisConnection({
    ...around,
    access: redisAccess(redis),
    name: 'sharing',
  });
  const broadcast = new RedisBroadcast({ ...around, connection });
  const cache = new RedisCache({ ...around, connection });
  const telling = tellingNotifications({
    ...options,
    store: options.readStore,
    checkpoint: new Checkpoint(options.readStore, notificationsProjection.name),
    clock: surroundings.clock,
    broadcast,
    cache,
    notificationTopic: redis.notificationChannel,
    invalidationTopic: redis.cacheInvalidationChannel,
  });
  return {
    broadcast,
    cache,
    projections: [host(notificationsProjection, telling)],
    redis: () => redisInfo(connection),
    close: async () => {
      await Promise.all([broadcast.close(), cache.close()]);
      connection.close();
    },
  };
}
