/** The local Service Bus, as the unmodified client sees it: sending, receiving, settling. */
import type { ServiceBusClient, ServiceBusReceivedMessage } from '@azure/service-bus';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type BrokerSetting,
  bodies,
  isEmpty,
  queue,
  type RunningBroker,
  receive,
  startBroker,
} from '../support/broker.ts';
import { ManualClock } from '../support/clock.ts';
import { until } from '../support/until.ts';

let broker: RunningBroker;
let client: ServiceBusClient;

async function begin(setting: BrokerSetting = { queues: [queue('orders')] }): Promise<void> {
  broker = await startBroker(setting);
  client = broker.client();
}
afterEach(() => broker.stop());

const dead = { subQueueType: 'deadLetter' } as const;

describe('sending and receiving', () => {
  it('hands over what was sent, with all that the sender said of it', async () => {
    await begin();
    const sent = {
      body: { title: 'Ärger', list: [1, null, 'x'] },
      messageId: 'id-1',
      correlationId: 'c-1',
      contentType: 'application/json',
      subject: 'CREATE',
      to: 'there',
      replyTo: 'here',
      replyToSessionId: 'reply-session',
      partitionKey: 'p-1',
      timeToLive: 3_600_000,
      applicationProperties: { text: 'a', whole: 7, part: 1.5, yes: true, none: null },
    };
    const before = Date.now();
    await client.createSender('orders').sendMessages(sent);
    const [got] = await receive(client.createReceiver('orders'), 1);
    expect(got).toMatchObject(sent);
    expect(got).toMatchObject({ deliveryCount: 0, state: 'active' });
    expect(got?.sequenceNumber?.toNumber()).toBe(1);
    expect(got?.enqueuedTimeUtc?.getTime()).toBeGreaterThanOrEqual(before);
    expect(got?.lockedUntilUtc?.getTime()).toBeGreaterThan(Date.now() + 50_000);
    expect(got?.lockToken).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
    );
  });

  it('keeps bytes, sequences and values as bodies, byte for byte', async () => {
    await begin();
    const sender = client.createSender('orders');
    const bytes = Buffer.from([0, 255, 1, 254]);
    await sender.sendMessages({ body: bytes });
    await sender.sendMessages({ body: ['a', 1], bodyType: 'sequence' } as never);
    await sender.sendMessages({ body: 'text', bodyType: 'value' } as never);
    const receiver = client.createReceiver('orders', { skipParsingBodyAsJson: true });
    const got = await receive(receiver, 3);
    expect(bodies(got)).toEqual([bytes, ['a', 1], 'text']);
    expect(got.map(({ _rawAmqpMessage: raw }) => raw.bodyType)).toEqual([
      'data',
      'sequence',
      'value',
    ]);
  });

  it('takes a batch as its messages, in order, each with its own properties', async () => {
    await begin();
    const sender = client.createSender('orders');
    await sender.sendMessages(
      [1, 2, 3].map((n) => ({ body: n, messageId: `m-${n}`, applicationProperties: { n } })),
    );
    const batch = await sender.createMessageBatch();
    for (const body of [4, 5]) expect(batch.tryAddMessage({ body })).toBe(true);
    await sender.sendMessages(batch);
    const got = await receive(client.createReceiver('orders'), 5);
    expect(bodies(got)).toEqual([1, 2, 3, 4, 5]);
    expect(got.map(({ messageId }) => messageId).slice(0, 3)).toEqual(['m-1', 'm-2', 'm-3']);
    expect(got[1]?.applicationProperties).toEqual({ n: 2 });
  });

  it('serves a subscriber until it closes, one message for each of its calls', async () => {
    await begin();
    const receiver = client.createReceiver('orders');
    const got: ServiceBusReceivedMessage[] = [];
    const running = receiver.subscribe(
      {
        processMessage: async (message) => {
          got.push(message);
        },
        processError: async ({ error }) => {
          throw error;
        },
      },
      { maxConcurrentCalls: 5 },
    );
    const sender = client.createSender('orders');
    for (let n = 0; n < 30; n += 1) await sender.sendMessages({ body: n });
    await until('all were completed', () => got.length === 30);
    await running.close();
    await receiver.close();
    expect(bodies(got)).toEqual(Array.from({ length: 30 }, (_, n) => n));
    expect(await isEmpty(client.createReceiver('orders'))).toBe(true);
  });

  it('gives an id to a message that has none', async () => {
    await begin();
    const sender = client.createSender('orders');
    await sender.sendMessages([{ body: 1 }, { body: 2, subject: 's' }]);
    const got = await receive(client.createReceiver('orders'), 2);
    for (const { messageId } of got) expect(messageId).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(got.map(({ messageId }) => messageId)).size).toBe(2);
    expect(got).toMatchObject([{ body: 1 }, { body: 2, subject: 's' }]);
  });

  it('shares messages among receivers, none to two of them', async () => {
    await begin();
    const one = client.createReceiver('orders');
    const other = broker.client().createReceiver('orders');
    const receiving = [one, other].map((receiver) =>
      receiver.receiveMessages(10, { maxWaitTimeInMs: 5_000 }),
    );
    await client
      .createSender('orders')
      .sendMessages(Array.from({ length: 20 }, (_, n) => ({ body: n })));
    const got = (await Promise.all(receiving)).map(bodies);
    expect(got.map(({ length }) => length)).toEqual([10, 10]);
    expect(new Set(got.flat()).size).toBe(20);
  });

  it('answers a drain whether credit is left or used up', async () => {
    await begin();
    const receiver = client.createReceiver('orders');
    expect(await receiver.receiveMessages(5, { maxWaitTimeInMs: 20 })).toEqual([]);
    await client.createSender('orders').sendMessages([{ body: 1 }, { body: 2 }]);
    expect(bodies(await receiver.receiveMessages(2, { maxWaitTimeInMs: 2_000 }))).toEqual([1, 2]);
    expect(await receiver.receiveMessages(2, { maxWaitTimeInMs: 20 })).toEqual([]);
  });

  it('does all of it with bodies that are in the store alone', async () => {
    await begin({ queues: [queue('orders')], bounds: { cachedBytesMax: 0 } });
    const sender = client.createSender('orders');
    await sender.sendMessages(['a', 'b', 'c', 'd'].map((body) => ({ body })));
    await sender.scheduleMessages({ body: 'e' }, new Date());
    const receiver = client.createReceiver('orders');
    const [a, b] = await receive(receiver, 2);
    await receiver.abandonMessage(a!, { x: 1 });
    await receiver.deferMessage(b!);
    const deleting = client.createReceiver('orders', { receiveMode: 'receiveAndDelete' });
    const got = await receive(deleting, 4);
    expect(bodies(got)).toEqual(['a', 'c', 'd', 'e']);
    expect(got[0]?.applicationProperties).toEqual({ x: 1 });
    expect(bodies(await deleting.receiveDeferredMessages(b!.sequenceNumber!))).toEqual(['b']);
    expect(await receiver.peekMessages(1)).toEqual([]);
  });

  it('hands out more than a turn may hold, and to one who reads slowly no more than he reads', async () => {
    const small = { handedBytesMax: 20_000, unsentBytesMax: 100_000 };
    await begin({ queues: [queue('orders')], bounds: small });
    const sender = client.createSender('orders');
    for (let n = 0; n < 60; n += 1) await sender.sendMessages({ body: 'x'.repeat(200_000) });
    expect(await receive(client.createReceiver('orders'), 30)).toHaveLength(30);
    const deleting = client.createReceiver('orders', { receiveMode: 'receiveAndDelete' });
    expect(await receive(deleting, 30)).toHaveLength(30);
  });

  it('holds more unsettled messages than one window, without standing still', async () => {
    await begin();
    const sender = client.createSender('orders');
    const receiver = client.createReceiver('orders');
    for (let at = 0; at < 5_000; at += 1_000) {
      await sender.sendMessages(Array.from({ length: 1_000 }, (_, n) => ({ body: at + n })));
    }
    const got = await receive(receiver, 2_000);
    await Promise.all(got.map((message) => receiver.completeMessage(message)));
    const rest = await receive(receiver, 2_000);
    expect(rest.at(-1)?.body).toBe(3_999);
  });
});

describe('settling', () => {
  it('completes: the message is gone', async () => {
    await begin();
    await client.createSender('orders').sendMessages([{ body: 1 }, { body: 2 }]);
    const receiver = client.createReceiver('orders');
    for (const message of await receive(receiver, 2)) await receiver.completeMessage(message);
    expect(await isEmpty(receiver)).toBe(true);
    expect(await receiver.peekMessages(10)).toEqual([]);
  });

  it('abandons: it comes again, before later ones, with its count and changed properties', async () => {
    await begin();
    await client
      .createSender('orders')
      .sendMessages([{ body: 1, applicationProperties: { kept: 'k', changed: 'a' } }, { body: 2 }]);
    const receiver = client.createReceiver('orders');
    const [first] = await receive(receiver, 1);
    await receiver.abandonMessage(first!, { changed: 'b', added: 3 });
    const [again, second] = await receive(receiver, 2);
    expect(again).toMatchObject({
      body: 1,
      deliveryCount: 1,
      applicationProperties: { kept: 'k', changed: 'b', added: 3 },
    });
    expect(second).toMatchObject({ body: 2, deliveryCount: 0 });
  });

  it('dead-letters with reason, description and properties; the dead letter can be completed', async () => {
    await begin();
    await client.createSender('orders').sendMessages({ body: 1, messageId: 'm' });
    const receiver = client.createReceiver('orders');
    const [message] = await receive(receiver, 1);
    await receiver.deadLetterMessage(message!, {
      deadLetterReason: 'MESSAGE_INVALID',
      deadLetterErrorDescription: 'no tenant',
      extra: 'x',
    });
    const letters = client.createReceiver('orders', dead);
    const [letter] = await receive(letters, 1);
    expect(letter).toMatchObject({
      body: 1,
      messageId: 'm',
      deadLetterReason: 'MESSAGE_INVALID',
      deadLetterErrorDescription: 'no tenant',
      applicationProperties: { extra: 'x' },
    });
    await letters.completeMessage(letter!);
    expect(await isEmpty(letters)).toBe(true);
    expect(await isEmpty(receiver)).toBe(true);
  });

  it('refuses to dead-letter a dead letter, which comes again when its lock ends', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ queues: [queue('orders')], clock });
    await client.createSender('orders').sendMessages({ body: 1 });
    const receiver = client.createReceiver('orders');
    await receiver.deadLetterMessage((await receive(receiver, 1))[0]!);
    const letters = client.createReceiver('orders', dead);
    const [letter] = await receive(letters, 1);
    await expect(letters.deadLetterMessage(letter!)).rejects.toThrow(/InvalidOperationError/);
    await clock.advance(60_000);
    expect(bodies(await receive(letters, 1))).toEqual([1]);
  });

  it('defers: only its number brings it back, as often as it is abandoned', async () => {
    await begin();
    await client.createSender('orders').sendMessages([{ body: 1 }, { body: 2 }]);
    const receiver = client.createReceiver('orders');
    const [first] = await receive(receiver, 1);
    await receiver.deferMessage(first!, { why: 'later' });
    expect(bodies(await receive(receiver, 1))).toEqual([2]);
    const number = first!.sequenceNumber!;
    expect(await receiver.peekMessages(1)).toMatchObject([{ body: 1, state: 'deferred' }]);
    const [taken] = await receiver.receiveDeferredMessages(number);
    expect(taken).toMatchObject({ body: 1, applicationProperties: { why: 'later' } });
    await expect(receiver.receiveDeferredMessages(number)).rejects.toMatchObject({
      code: 'MessageNotFound',
    });
    await receiver.abandonMessage(taken!);
    expect(await isEmpty(receiver)).toBe(true);
    const [again] = await receiver.receiveDeferredMessages(number);
    await receiver.completeMessage(again!);
    await expect(receiver.receiveDeferredMessages(number)).rejects.toMatchObject({
      code: 'MessageNotFound',
    });
  });

  it('deletes what it hands to a receive-and-delete receiver, deferred ones too', async () => {
    await begin();
    await client.createSender('orders').sendMessages([{ body: 1 }, { body: 2 }, { body: 3 }]);
    const locking = client.createReceiver('orders');
    const [first] = await receive(locking, 1);
    await locking.deferMessage(first!);
    const deleting = client.createReceiver('orders', { receiveMode: 'receiveAndDelete' });
    const got = await receive(deleting, 2);
    expect(bodies(got)).toEqual([2, 3]);
    expect(got[0]?.lockToken).toBeUndefined();
    expect(bodies(await deleting.receiveDeferredMessages(first!.sequenceNumber!))).toEqual([1]);
    expect(await deleting.peekMessages(10)).toEqual([]);
  });

  it('settles by management when the link is gone', async () => {
    await begin();
    await client.createSender('orders').sendMessages([1, 2, 3, 4].map((body) => ({ body })));
    const closed = client.createReceiver('orders');
    const [one, two, three, four] = await receive(closed, 4);
    await closed.close();
    const receiver = client.createReceiver('orders');
    await receiver.completeMessage(one!);
    await receiver.abandonMessage(two!, { by: 'management' });
    await receiver.deferMessage(three!);
    await receiver.deadLetterMessage(four!, {
      deadLetterReason: 'r',
      deadLetterErrorDescription: 'd',
    });
    expect(await receive(receiver, 1)).toMatchObject([
      { body: 2, deliveryCount: 1, applicationProperties: { by: 'management' } },
    ]);
    const states = (await receiver.peekMessages(10)).map(({ body, state }) => [body, state]);
    expect(states).toEqual([
      [2, 'active'],
      [3, 'deferred'],
    ]);
    expect(await receive(client.createReceiver('orders', dead), 1)).toMatchObject([
      { body: 4, deadLetterReason: 'r' },
    ]);
  });
});

it('gives two brokers on one port a clear error', async () => {
  await begin();
  const { openBroker } = await import('../../infra/service-bus-local/broker.ts');
  const second = openBroker({
    port: broker.port,
    file: undefined,
    config: { queues: [], topics: [] },
  });
  await expect(second).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
