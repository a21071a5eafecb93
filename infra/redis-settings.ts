/**
 * Where Redis is and what its channels are called: the REDIS_* variables.
 *
 * One of REDIS_URL, REDIS_SENTINELS and REDIS_CLUSTER_NODES says where; without any there is no Redis.
 * Names and defaults of the channels are the specification's.
 */
import type { RedisAccess, RedisPlace } from '#adapters/redis';
import type { Reading } from './reading.ts';
import type { Secret } from './secret.ts';

/** As the adapters take it, but for what must not be shown. */
export interface RedisSettings
  extends Omit<RedisAccess, 'url' | 'password' | 'sentinelPassword' | 'tls'> {
  readonly url?: Secret;
  readonly password?: Secret;
  readonly sentinelPassword?: Secret;
  readonly tls: boolean;
  readonly channelPrefix: string;
  readonly notificationChannel: string;
  readonly cacheInvalidationChannel: string;
}

const channelName = /^[A-Za-z0-9_.:-]{1,128}$/;
const masterName = /^[A-Za-z0-9_.-]{1,128}$/;
const userName = /^\S{1,256}$/;

export function redisIn(reading: Reading): RedisSettings {
  const url = reading.secret('REDIS_URL', 'must be redis://host:port or rediss://…', isRedisUrl);
  const sentinels = placesIn(reading, 'REDIS_SENTINELS');
  const master = reading.name('REDIS_SENTINEL_MASTER', masterName);
  const sentinelPassword = reading.secret('REDIS_SENTINEL_PASSWORD', 'must be text', () => true);
  const clusterNodes = placesIn(reading, 'REDIS_CLUSTER_NODES');
  const username = reading.name('REDIS_USERNAME', userName);
  const password = reading.secret('REDIS_PASSWORD', 'must be text', () => true);
  const db = reading.wholeNumber('REDIS_DB', 0, 65_535);
  const tls = reading.take(
    'REDIS_TLS',
    'must be true or false',
    (text) => ({ true: true, '1': true, false: false, '0': false })[text.toLowerCase()],
  );
  const channelPrefix = reading.name('REDIS_CHANNEL_PREFIX', channelName);
  const notificationChannel = reading.name('REDIS_NOTIFICATION_CHANNEL', channelName);
  const cacheInvalidationChannel = reading.name('REDIS_CACHE_INVALIDATION_CHANNEL', channelName);
  const places = { REDIS_URL: url, REDIS_SENTINELS: sentinels, REDIS_CLUSTER_NODES: clusterNodes };
  const named = Object.entries(places).flatMap(([name, place]) => (place ? [name] : []));
  if (named.length > 1) {
    reading.mistakes.push(`${named.join(' and ')} are set; one of them must say where Redis is`);
  }
  if (clusterNodes !== undefined && (db ?? 0) > 0) {
    reading.mistakes.push(`REDIS_DB is ${db}; it must be 0 on a Cluster, which has no other`);
  }
  return {
    ...(url && { url }),
    ...(sentinels && { sentinels: { master: master ?? 'mymaster', places: sentinels } }),
    ...(sentinelPassword && { sentinelPassword }),
    ...(clusterNodes && { clusterNodes }),
    ...(username && { username }),
    ...(password && { password }),
    ...(db !== undefined && { db }),
    tls: tls ?? false,
    channelPrefix: channelPrefix ?? 'cognisync',
    notificationChannel: notificationChannel ?? 'notifications',
    cacheInvalidationChannel: cacheInvalidationChannel ?? 'cache-invalidation',
  };
}

/** Whether there is a Redis at all. */
export function hasRedis({ clusterNodes, sentinels, url }: RedisSettings): boolean {
  return url !== undefined || sentinels !== undefined || clusterNodes !== undefined;
}

/** The same for the adapters, which take secrets as they are. */
export function redisAccess(settings: RedisSettings): RedisAccess {
  const { clusterNodes, db, password, sentinelPassword, sentinels, tls, url, username } = settings;
  return {
    tls,
    ...(url && { url: url.reveal() }),
    ...(sentinels && { sentinels }),
    ...(sentinelPassword && { sentinelPassword: sentinelPassword.reveal() }),
    ...(clusterNodes && { clusterNodes }),
    ...(username && { username }),
    ...(password && { password: password.reveal() }),
    ...(db !== undefined && { db }),
  };
}

function placesIn(reading: Reading, name: string): readonly RedisPlace[] | undefined {
  return reading.take(name, 'must be host:port, and commas between several', (text) => {
    const places = text.split(',').map((one) => placeOf(one.trim()));
    return places.every((place) => place !== undefined) ? places : undefined;
  });
}

function placeOf(text: string): RedisPlace | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9_.-]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port === 0 || port > 65_535) return undefined;
  return { host: (match[1] ?? match[2])!, port };
}

function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { host, protocol } = new URL(text);
  return (protocol === 'redis:' || protocol === 'rediss:') && host !== '';
}
