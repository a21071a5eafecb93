/** The local Service Bus as a process: what a developer starts. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceBusClient } from '@azure/service-bus';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bodies, impatient, receive } from '../support/broker.ts';
import { cli, run } from '../support/process.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cognisync-service-bus-'));
});
afterEach(() => rm(folder, { recursive: true }));

const start = (...args: readonly string[]) =>
  run('infra/cli/cognisync.js', ['service-bus', '--port', '0', ...args]);

it('says where it is and what it has, serves, and ends with 0 on SIGTERM; what it took is there again', async () => {
  const file = join(folder, 'bus.sqlite');
  const first = start('--file', file);
  const [connectionString] = await first.says(/Endpoint=\S+/);
  const client = new ServiceBusClient(connectionString, impatient);
  const sender = client.createSender('cognisync-events');
  await sender.sendMessages([{ body: 1 }, { body: 2, sessionId: 'shard-1' }]);
  await client.close();
  first.child.kill('SIGTERM');
  const { code, stdout, stderr } = await first.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('topic cognisync-events');
  expect(stdout).toContain('subscription knowledge-graph-subscription, with sessions');
  expect(stdout).toContain('development tool');

  const second = start('--file', file);
  const [again] = await second.says(/Endpoint=\S+/);
  const other = new ServiceBusClient(again, impatient);
  const intake = other.createReceiver('cognisync-events', 'knowledge-graph-subscription-intake');
  expect(bodies(await receive(intake, 1))).toEqual([1]);
  const subscription = 'knowledge-graph-subscription';
  const session = await other.acceptSession('cognisync-events', subscription, 'shard-1');
  expect(bodies(await receive(session, 1))).toEqual([2]);
  await other.close();
  second.child.kill('SIGINT');
  expect(await second.ended).toMatchObject({ code: 0 });
});

it('has the entities of a configuration file, or says what is wrong with it', async () => {
  const config = join(folder, 'config.json');
  const named = (Name: string) =>
    JSON.stringify({ UserConfig: { Namespaces: [{ Queues: [{ Name }], Topics: [] }] } });
  await writeFile(config, named('orders'));
  const running = start('--config', config);
  await running.says(/queue orders/);
  running.child.kill('SIGTERM');
  expect(await running.ended).toMatchObject({ code: 0 });

  await writeFile(config, named('no spaces'));
  for (const path of [config, join(folder, 'absent.json')]) {
    const { code, stderr } = await cli(['service-bus', '--port', '0', '--config', path]);
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('CONFIG_INVALID'),
    });
  }
});
