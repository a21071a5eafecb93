/** What the local Service Bus accepted survives: a restart, `kill -9`, a full disk. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ServiceBusClient } from '@azure/service-bus';
import Long from 'long';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type BrokerSetting,
  bodies,
  impatient,
  isEmpty,
  queue,
  type RunningBroker,
  receive,
  startBroker,
  subscription,
  topic,
} from '../support/broker.ts';
import { ManualClock } from '../support/clock.ts';
import { effort } from '../support/effort.ts';
import { until } from '../support/until.ts';

let folder: string;
let file: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cognisync-service-bus-'));
  file = join(folder, 'bus.sqlite');
});
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  await rm(folder, { recursive: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

const script = join(import.meta.dirname, 'service-bus-local-child.ts');
const orders = JSON.stringify({ name: 'orders' });
const shards = JSON.stringify({ name: 'shards', requiresSession: true });

/** A broker in a process of its own, and where it is. */
async function start(port = 0, blocksMax: number | null = null) {
  const args = [script, file, String(port), orders, shards];
  const limit = blocksMax === null ? '' : `ulimit -f ${blocksMax};`;
  const child = spawn('sh', ['-c', `${limit} exec "$@"`, 'sh', process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  const [at, connectionString = ''] = line.toString().trim().split(' ');
  return { child, port: Number(at), connectionString };
}

/** Finds a broker that comes back, soon. */
const patient = { retryOptions: { maxRetries: 50, retryDelayInMs: 100, timeoutInMs: 5_000 } };

const fromStart = { fromSequenceNumber: Long.fromNumber(1) };

/** Does not wait long for an answer that a dead broker owes. */
const hasty = { retryOptions: { maxRetries: 0, timeoutInMs: 1_000 } };

describe('kill -9', () => {
  it('under load loses nothing that was accepted; a batch is there whole or not at all', async () => {
    const accepted = new Set<string>();
    const owed: Promise<void>[] = [];
    for (let round = 0; round < 3; round += 1) {
      const { child, connectionString } = await start();
      const client = new ServiceBusClient(connectionString, hasty);
      const enough = accepted.size + effort(400, 2_000);
      const senders = [1, 5, 50].map(async (size) => {
        const sender = client.createSender('orders');
        for (let n = 0; ; n += 1) {
          const ids = Array.from({ length: size }, (_, at) => `${round}/${size}/${n}/${at}`);
          await sender.sendMessages(ids.map((messageId) => ({ body: 0, messageId })));
          for (const id of ids) accepted.add(id);
          if (accepted.size > enough) child.kill('SIGKILL');
        }
      });
      const sent = Promise.allSettled(senders);
      await Promise.race([sent, once(child, 'close')]);
      await kill(child);
      // A send that a dead broker owes an answer fails when its time is over.
      owed.push(sent.then(() => client.close()));
    }
    await Promise.all(owed);
    expect(accepted.size).toBeGreaterThan(3 * effort(400, 2_000));
    const { connectionString } = await start();
    const client = new ServiceBusClient(connectionString, impatient);
    const receiver = client.createReceiver('orders');
    const found = new Map<string, number>();
    const batches = new Map<string, number>();
    for (;;) {
      const got = await receiver.peekMessages(250);
      if (got.length === 0) break;
      for (const { messageId } of got) {
        const id = messageId as string;
        found.set(id, (found.get(id) ?? 0) + 1);
        const batch = id.slice(0, id.lastIndexOf('/'));
        batches.set(batch, (batches.get(batch) ?? 0) + 1);
      }
    }
    await client.close();
    expect([...accepted].filter((id) => !found.has(id))).toEqual([]);
    expect([...found.values()].filter((times) => times > 1)).toEqual([]);
    const torn = [...batches].filter(([batch, size]) => size !== Number(batch.split('/')[1]));
    expect(torn).toEqual([]);
  });

  it('in the middle of receiving brings back what was not settled, and nothing that was', async () => {
    const first = await start();
    const client = new ServiceBusClient(first.connectionString, patient);
    const sender = client.createSender('orders');
    const count = 500;
    await sender.sendMessages(Array.from({ length: count }, (_, n) => ({ body: n })));
    const delivered = new Set<number>();
    const completed = new Set<number>();
    const again: number[] = [];
    const receiver = client.createReceiver('orders', { maxAutoLockRenewalDurationInMs: 0 });
    receiver.subscribe(
      {
        processMessage: async (message) => {
          if (completed.has(message.body)) again.push(message.body);
          delivered.add(message.body);
          await receiver.completeMessage(message);
          completed.add(message.body);
        },
        processError: async () => undefined,
      },
      { autoCompleteMessages: false, maxConcurrentCalls: 20 },
    );
    await until('some are completed', () => completed.size >= 100);
    await kill(first.child);
    const second = await start(first.port);
    const other = new ServiceBusClient(second.connectionString, impatient);
    const eyes = other.createReceiver('orders');
    // What the broker completed without being able to say so is delivered, and gone.
    const isDone = async () =>
      delivered.size === count && (await eyes.peekMessages(1, fromStart)).length === 0;
    await until('all came, to the same subscriber, and are gone', isDone, 20_000);
    expect(again).toEqual([]);
    await Promise.all([client.close(), other.close()]);
  });

  it('gives sessions back at once, in order', async () => {
    const first = await start();
    const client = new ServiceBusClient(first.connectionString, patient);
    const messages = [1, 2, 3].map((body) => ({ body, sessionId: 's' }));
    await client.createSender('shards').sendMessages(messages);
    const session = await client.acceptSession('shards', 's');
    const [one] = await receive(session, 2);
    await session.completeMessage(one!);
    await kill(first.child);
    await start(first.port);
    const again = await client.acceptSession('shards', 's');
    expect(bodies(await receive(again, 2))).toEqual([2, 3]);
    await client.close();
  });
});

it('refuses with QuotaExceeded while the disk is full, loses nothing, and goes on when there is room', async () => {
  const small = await start(0, 4_000);
  const client = new ServiceBusClient(small.connectionString, impatient);
  const sender = client.createSender('orders');
  const accepted: number[] = [];
  let refusal: unknown = null;
  for (let n = 0; refusal === null; n += 1) {
    await sender.sendMessages({ body: { n, pad: 'x'.repeat(50_000) } }).then(
      () => accepted.push(n),
      (error: unknown) => {
        refusal = error;
      },
    );
  }
  expect(refusal).toMatchObject({ code: 'QuotaExceeded' });
  expect(accepted.length).toBeGreaterThan(5);
  // What is there can still be looked at.
  expect(await client.createReceiver('orders').peekMessages(1)).toHaveLength(1);
  await client.close();
  await kill(small.child);
  const large = await start();
  const other = new ServiceBusClient(large.connectionString, impatient);
  const got = await receive(other.createReceiver('orders'), accepted.length);
  expect(got.map(({ body }) => body.n)).toEqual(accepted);
  await other.createSender('orders').sendMessages({ body: 'room' });
  await other.close();
});

describe('a restart', () => {
  let broker: RunningBroker;
  let client: ServiceBusClient;
  const clock = new ManualClock(Date.now());
  const setting: BrokerSetting = {
    queues: [
      queue('orders', { duplicateWindowMs: 3_600_000, deliveriesMax: 2 }),
      queue('shards', { requiresSession: true }),
    ],
    topics: [topic('news', [subscription('mine')])],
    clock,
  };

  async function begin(changed: BrokerSetting = setting): Promise<void> {
    broker = await startBroker({ ...changed, file });
    client = broker.client();
  }

  it('keeps counts, states of messages, dead letters, and never uses a number again', async () => {
    await begin();
    const sender = client.createSender('orders');
    await sender.sendMessages(['abandoned', 'deferred', 'dead', 'done'].map((body) => ({ body })));
    const [later] = await sender.scheduleMessages(
      { body: 'later' },
      new Date(clock.now() + 60_000),
    );
    const receiver = client.createReceiver('orders');
    const [abandoned, deferred, dead, done] = await receive(receiver, 4);
    await receiver.abandonMessage(abandoned!, { tried: 'once' });
    await receiver.deferMessage(deferred!);
    await receiver.deadLetterMessage(dead!, {
      deadLetterReason: 'r',
      deadLetterErrorDescription: 'd',
    });
    await receiver.completeMessage(done!);
    await broker.stop();

    await begin();
    const again = client.createReceiver('orders', { maxAutoLockRenewalDurationInMs: 0 });
    const [first] = await receive(again, 1);
    expect(first).toMatchObject({
      body: 'abandoned',
      deliveryCount: 1,
      applicationProperties: { tried: 'once' },
    });
    // The count is as it was: one more, and it is a dead letter.
    await again.abandonMessage(first!);
    expect(bodies(await again.receiveDeferredMessages(deferred!.sequenceNumber!))).toEqual([
      'deferred',
    ]);
    const letters = client.createReceiver('orders', { subQueueType: 'deadLetter' });
    expect(bodies(await receive(letters, 2)).sort()).toEqual(['abandoned', 'dead']);
    expect(await isEmpty(again)).toBe(true);
    await clock.advance(60_000);
    const [arrived] = await receive(again, 1);
    expect(arrived?.body).toBe('later');
    expect(arrived!.sequenceNumber!.greaterThan(later!)).toBe(true);
    await broker.stop();
  });

  it('keeps the states of sessions, the ids that were seen, and changed rules', async () => {
    await begin();
    await client.createSender('orders').sendMessages({ body: 1, messageId: 'seen' });
    const session = await client.acceptSession('shards', 's');
    await session.setSessionState({ step: 1 });
    const rules = client.createRuleManager('news', 'mine');
    await rules.createRule('mine', { sqlExpression: "kind = 'mine'" });
    await rules.deleteRule('$Default');
    await broker.stop();

    await begin();
    await client.createSender('orders').sendMessages([
      { body: 2, messageId: 'seen' },
      { body: 3, messageId: 'new' },
    ]);
    expect(bodies(await receive(client.createReceiver('orders'), 2))).toEqual([1, 3]);
    expect(await (await client.acceptSession('shards', 's')).getSessionState()).toEqual({
      step: 1,
    });
    const news = [{ body: 4 }, { body: 5, applicationProperties: { kind: 'mine' } }];
    await client.createSender('news').sendMessages(news);
    expect(bodies(await receive(client.createReceiver('news', 'mine'), 1))).toEqual([5]);
    await broker.stop();

    // Configured anew, the configuration counts.
    const rule = { name: 'none', filter: { kind: 'false' } } as const;
    await begin({ ...setting, topics: [topic('news', [subscription('mine', { rules: [rule] })])] });
    await client.createSender('news').sendMessages(news);
    const listed = [];
    for await (const { name } of client.createRuleManager('news', 'mine').listRules()) {
      listed.push(name);
    }
    expect(listed).toEqual(['none']);
    await broker.stop();
  });

  it('gives an entity its messages again that was left out for a while', async () => {
    await begin();
    await client.createSender('orders').sendMessages({ body: 1 });
    await broker.stop();
    await begin({ queues: [queue('others')] });
    await broker.stop();
    await begin();
    expect(bodies(await receive(client.createReceiver('orders'), 1))).toEqual([1]);
    await broker.stop();
  });

  it('is refused where the configuration contradicts the file', async () => {
    await begin();
    await client.createSender('orders').sendMessages({ body: 1 });
    await broker.stop();
    const changed = { queues: [queue('orders', { requiresSession: true })], file };
    await expect(startBroker(changed)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('a file', () => {
  const setting = () => ({ queues: [queue('orders')], file });

  it('belongs to one broker at a time', async () => {
    const broker = await startBroker(setting());
    await expect(startBroker(setting())).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' });
    await broker.stop();
    await (await startBroker(setting())).stop();
  });

  it('is refused that is newer, foreign, or no database at all, and left as it was', async () => {
    await (await startBroker(setting())).stop();
    const db = new DatabaseSync(file);
    db.exec('PRAGMA user_version = 99');
    db.close();
    await expect(startBroker(setting())).rejects.toMatchObject({ code: 'DATA_FORMAT_NEWER' });
    const foreign = new DatabaseSync(join(folder, 'foreign.sqlite'));
    foreign.exec('CREATE TABLE t (a)');
    foreign.close();
    const options = { ...setting(), file: join(folder, 'foreign.sqlite') };
    await expect(startBroker(options)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    await writeFile(file, 'something else, and long enough to be looked at. '.repeat(100));
    const { size } = await stat(file);
    await expect(startBroker(setting())).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    expect((await stat(file)).size).toBe(size);
  });

  it('is refused that was cut off, or that cannot be made', async () => {
    const broker = await startBroker(setting());
    const sender = broker.client().createSender('orders');
    for (let n = 0; n < 50; n += 1) await sender.sendMessages({ body: 'x'.repeat(5_000) });
    await broker.stop();
    await truncate(file, 20_000);
    await expect(startBroker(setting())).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    const options = { ...setting(), file: join(folder, 'no', 'such', 'folder.sqlite') };
    await expect(startBroker(options)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
