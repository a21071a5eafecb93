/** How Redis stands, by its INFO; of a Cluster, the sum over its masters. */
import { Cluster, type Redis } from 'ioredis';
import type { RedisConnection } from './connection.ts';
import { unavailable } from './failure.ts';

export interface RedisInfo {
  readonly connectedClients: number;
  /** Since it started. */
  readonly commandsProcessed: number;
  readonly memoryBytes: number;
  readonly pubsubChannels: number;
  readonly pubsubPatterns: number;
}

/** Throws REDIS_UNAVAILABLE. */
export async function redisInfo({ client }: RedisConnection): Promise<RedisInfo> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  try {
    const all = await Promise.all(servers.map(infoOf));
    return all.reduce((sum, one) => ({
      connectedClients: sum.connectedClients + one.connectedClients,
      commandsProcessed: sum.commandsProcessed + one.commandsProcessed,
      memoryBytes: sum.memoryBytes + one.memoryBytes,
      pubsubChannels: sum.pubsubChannels + one.pubsubChannels,
      pubsubPatterns: sum.pubsubPatterns + one.pubsubPatterns,
    }));
  } catch (thrown) {
    throw unavailable(thrown, 'asking Redis how it stands');
  }
}

async function infoOf(server: Redis): Promise<RedisInfo> {
  const text = await server.info();
  const field = (name: string) => {
    const [, value] = new RegExp(`^${name}:(\\d+)`, 'm').exec(text) ?? [];
    if (value === undefined) throw new Error(`its INFO has no ${name}`);
    return Number(value);
  };
  return {
    connectedClients: field('connected_clients'),
    commandsProcessed: field('total_commands_processed'),
    memoryBytes: field('used_memory'),
    pubsubChannels: field('pubsub_channels'),
    pubsubPatterns: field('pubsub_patterns'),
  };
}
