/** Several Redis servers that belong together: a Cluster of three masters, and a master with a Sentinel. */
import { freePort, openRedis, type RedisServer } from './redis.ts';
import { until } from './until.ts';

export interface RedisCluster {
  readonly masters: readonly RedisServer[];
  /** Copies what the first master has, and takes its place when it is gone. */
  readonly replica: RedisServer;
  close(): Promise<void>;
}

const slots = 16_384;

/** Three masters with a third of the slots each; ready when all of them say so. Takes about 3 s. */
export async function openRedisCluster(): Promise<RedisCluster> {
  const servers = await Promise.all(
    Array.from({ length: 4 }, async () =>
      openRedis({
        'cluster-enabled': 'yes',
        'cluster-port': String(await freePort()),
        'cluster-node-timeout': '1000',
        'cluster-replica-validity-factor': '0',
      }),
    ),
  );
  const masters = servers.slice(0, 3);
  const [first, replica] = [masters[0]!, servers[3]!];
  const busPort = async ({ client }: RedisServer) =>
    ((await client.config('GET', 'cluster-port')) as string[])[1]!;
  for (const [i, { client }] of masters.entries()) {
    const [from, to] = [i, i + 1].map((third) => Math.floor((third * slots) / 3));
    await client.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to! - 1));
    // Each its own epoch, so that they need not agree on one first.
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
  }
  for (const server of servers.slice(1)) {
    const { host, port } = server;
    await first.client.call('CLUSTER', 'MEET', host, String(port), await busPort(server));
  }
  const id = await first.client.cluster('MYID');
  await until('the replica knows the first master', async () => {
    const nodes = (await replica.client.cluster('NODES')) as string;
    return nodes.includes(id as string);
  });
  await replica.client.call('CLUSTER', 'REPLICATE', id as string);
  await until('all know each other', async () => {
    const infos = await Promise.all(
      servers.map(async ({ client }) => (await client.cluster('INFO')) as string),
    );
    const link = await replica.client.info('replication');
    return (
      infos.every(
        (info) => info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:4'),
      ) && link.includes('master_link_status:up')
    );
  });
  return {
    masters,
    replica,
    close: async () => void (await Promise.all(servers.map((server) => server.close()))),
  };
}

export interface RedisWatched {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinel: RedisServer;
  close(): Promise<void>;
}

/** A master named `mymaster`, its replica, and a Sentinel that watches them. Takes about 2 s. */
export async function openRedisSentinel(): Promise<RedisWatched> {
  const master = await openRedis();
  const replica = await openRedis({ replicaof: `${master.host} ${master.port}` });
  const sentinel = await openRedis(
    {
      'sentinel monitor': `mymaster ${master.host} ${master.port} 1`,
      'sentinel down-after-milliseconds': 'mymaster 500',
      'sentinel failover-timeout': 'mymaster 2000',
    },
    'sentinel',
  );
  await until('the Sentinel knows the replica', async () => {
    const known = await sentinel.client.call('SENTINEL', 'REPLICAS', 'mymaster');
    const link = await replica.client.info('replication');
    return (known as unknown[]).length === 1 && link.includes('master_link_status:up');
  });
  return {
    master,
    replica,
    sentinel,
    close: async () => {
      for (const server of [sentinel, replica, master]) await server.close();
    },
  };
}
