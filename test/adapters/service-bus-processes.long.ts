/**
 * The whole play in processes of their own: a producer written as the specification has it, the broker,
 * and two nodes on one log; the plug of each is pulled in the middle.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlite } from '#adapters/sqlite';
import type { Log } from '#runtime';
import { type Running, run } from '#test/process';
import { temporaryFolder } from '#test/served';
import { until } from '#test/until';

const cast = (...part: readonly string[]) => run('test/support/bus-cast.ts', part);

let folder: string;
let log: Log;
const running = new Set<Running>();

async function start(said: RegExp, ...part: readonly string[]): Promise<Running> {
  const one = cast(...part);
  running.add(one);
  await one.says(said);
  return one;
}

async function startBroker(port = '0') {
  const broker = await start(/broker on/, 'broker', join(folder, 'broker.sqlite'), port);
  const [, ownPort = '', connection = ''] = await broker.says(/broker on (\d+) as (\S+)/);
  return { broker, port: ownPort, connection };
}

const startNode = (connection: string) =>
  start(/ready/, 'node', connection, join(folder, 'log.sqlite'), join(folder, 'blobs'));

async function pull(plug: Running): Promise<void> {
  plug.child.kill('SIGKILL');
  await plug.ended;
  running.delete(plug);
}

beforeEach(async () => {
  folder = await temporaryFolder();
  log = (await openSqlite(join(folder, 'log.sqlite'))).log;
});
afterEach(async () => {
  for (const one of [...running]) await pull(one);
  await log.close();
  await rm(folder, { recursive: true });
});

/** How often each message had an effect, by its number. */
async function effects(): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (let after = 0; ; ) {
    const page = await log.readAll({ after, limit: 1_000 });
    for (const { metadata, position } of page) {
      counts.set(metadata.messageId, (counts.get(metadata.messageId) ?? 0) + 1);
      after = position;
    }
    if (page.length === 0) return counts;
  }
}

const total = 160;

async function allOnce(): Promise<void> {
  await until('all messages are recorded', async () => (await effects()).size >= total, 40_000);
  const counts = await effects();
  expect(counts.size).toBe(total);
  expect([...counts.values()].filter((count) => count !== 1)).toEqual([]);
}

describe('a producer, a broker and two nodes', () => {
  it('lose nothing and do nothing twice when a node is killed', async () => {
    const { connection } = await startBroker();
    const [first] = [await startNode(connection), await startNode(connection)];
    const producer = await start(/sent half/, 'producer', connection, '0', String(total));
    await until('the work has begun', async () => (await effects()).size > 20);
    await pull(first);
    await producer.says(/sent all/);
    await allOnce();
  });

  it('lose nothing and do nothing twice when the broker is killed and comes back', async () => {
    const { broker, port, connection } = await startBroker();
    await startNode(connection);
    await startNode(connection);
    const half = String(total / 2);
    const producer = await start(/sent all/, 'producer', connection, '0', half);
    await until('the work has begun', async () => (await effects()).size > 0);
    await pull(broker);
    await startBroker(port);
    await producer.ended;
    await start(/sent all/, 'producer', connection, half, String(total));
    await allOnce();
  });
});
