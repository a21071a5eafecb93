/** The door of everything on Redis. */

export { RedisBroadcast, type RedisBroadcastOptions } from './broadcast.ts';
export { openRedisBus, type RedisBus, type RedisBusOptions } from './bus.ts';
export { serverInfo } from './bus-server.ts';
export { RedisCache, type RedisCacheOptions } from './cache.ts';
export * from './connection.ts';
export { type RedisInfo, redisInfo } from './info.ts';
export { Presence, type PresenceOptions } from './presence.ts';
