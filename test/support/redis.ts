/**
 * Redis servers of a test's own: real processes on free ports that can be killed, frozen and started
 * again where they were.
 *
 * Where redis-server is not installed, suites name what they did not run: `describe.runIf(hasRedis)`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { until } from './until.ts';

/** Whether there is a redis-server to start; asked once a test file. */
export const hasRedis = isInstalled();

export interface RedisServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** A client of the test's own, for looking at what others did; connected anew after each start. */
  readonly client: Redis;
  /** Kills it with SIGKILL and waits until it is gone. What was not on its disk is lost. */
  kill(): Promise<void>;
  /** Starts it again on the same port and folder. */
  start(): Promise<void>;
  /** Freezes it: connections stay open and nothing is answered. */
  freeze(): void;
  thaw(): void;
  /** Breaks all connections, as a proxy or a network does. */
  disconnect(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a server. `settings` are the lines of its redis.conf, by what they begin with; by default nothing
 * is kept on disk, with `{ appendonly: 'yes', appendfsync: 'always' }` everything is.
 */
export async function openRedis(
  settings: Readonly<Record<string, string>> = {},
  mode: 'server' | 'sentinel' = 'server',
): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'cognisync-redis-'));
  const host = '127.0.0.1';
  const port = await freePort();
  const launch = { folder, port, settings, mode };
  let child = await serverOf(launch);
  const client = new Redis({
    host,
    port,
    lazyConnect: true,
    retryStrategy: () => 20,
    ...(settings.requirepass !== undefined && { password: settings.requirepass }),
  });
  // An outage is what the test is about.
  client.on('error', () => undefined);
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    host,
    port,
    url: `redis://${host}:${port}`,
    client,
    kill,
    start: async () => {
      child = await serverOf(launch);
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    disconnect: async () => {
      await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes');
    },
    close: async () => {
      client.disconnect();
      await kill();
      await rm(folder, { recursive: true });
    },
  };
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

interface Launch {
  readonly folder: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly mode: 'server' | 'sentinel';
}

async function serverOf({ folder, mode, port, settings }: Launch): Promise<ChildProcess> {
  const kept = mode === 'sentinel' ? {} : { save: '""', appendonly: 'no' };
  const all = { port: String(port), bind: '127.0.0.1', dir: folder, ...kept, ...settings };
  const lines = Object.entries(all).map(([name, value]) => `${name} ${value}\n`);
  const file = join(folder, 'redis.conf');
  await writeFile(file, lines.join(''));
  const args = mode === 'sentinel' ? [file, '--sentinel'] : [file];
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  // A test that fails before it closes leaves nothing running.
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-10_000);
    });
  }
  await until(`redis-server on port ${port} is ready`, () => {
    if (child.exitCode !== null) throw new Error(`redis-server ended:\n${said}`);
    return /Ready to accept connections|Sentinel ID is/.test(said);
  });
  return child;
}

function isInstalled(): boolean {
  const { error } = spawnSync('redis-server', ['--version']);
  if (error !== undefined) console.log(`NOT RUN on Redis: no redis-server (${error.message})`);
  return error === undefined;
}
