/** The local Service Bus and time: locks, lives, and the window of duplicate detection. */
import type { ServiceBusClient, ServiceBusReceiver } from '@azure/service-bus';
import Long from 'long';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type BrokerSetting,
  bodies,
  isEmpty,
  queue,
  type RunningBroker,
  receive,
  startBroker,
  subscription,
  topic,
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

/** How many active messages there are. */
async function peekAll(receiver: ServiceBusReceiver): Promise<number> {
  const seen = await receiver.peekMessages(250, { fromSequenceNumber: Long.fromNumber(1) });
  return seen.filter(({ state }) => state === 'active').length;
}

const dead = { subQueueType: 'deadLetter' } as const;

describe('locks', () => {
  it('end: the message comes again, and the old lock settles nothing', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ queues: [queue('orders', { lockMs: 30_000 })], clock });
    await client.createSender('orders').sendMessages({ body: 1 });
    const late = client.createReceiver('orders', { maxAutoLockRenewalDurationInMs: 0 });
    const [message] = await receive(late, 1);
    await clock.advance(30_000);
    const [again] = await receive(broker.client().createReceiver('orders'), 1);
    expect(again).toMatchObject({ body: 1, deliveryCount: 1 });
    await expect(late.completeMessage(message!)).rejects.toMatchObject({ code: 'MessageLockLost' });
    await expect(late.renewMessageLock(message!)).rejects.toMatchObject({
      code: 'MessageLockLost',
    });
  });

  it('last on when the link closes, until their time', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ queues: [queue('orders')], clock });
    await client.createSender('orders').sendMessages({ body: 1 });
    const first = client.createReceiver('orders', { maxAutoLockRenewalDurationInMs: 0 });
    await receive(first, 1);
    await first.close();
    const second = client.createReceiver('orders');
    expect(await isEmpty(second)).toBe(true);
    await clock.advance(60_000);
    expect(await receive(second, 1)).toMatchObject([{ body: 1, deliveryCount: 1 }]);
  });

  it('are renewed by hand', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ queues: [queue('orders', { lockMs: 30_000 })], clock });
    await client.createSender('orders').sendMessages({ body: 1 });
    const receiver = client.createReceiver('orders', { maxAutoLockRenewalDurationInMs: 0 });
    const [message] = await receive(receiver, 1);
    await clock.advance(20_000);
    const until = await receiver.renewMessageLock(message!);
    expect(until.getTime()).toBe(clock.now() + 30_000);
    await clock.advance(20_000);
    await receiver.completeMessage(message!);
    expect(await receiver.peekMessages(1)).toEqual([]);
  });

  it('are renewed by the client itself while its handler works', async () => {
    await begin({ queues: [queue('orders', { lockMs: 700 })] });
    await client.createSender('orders').sendMessages({ body: 1 });
    const receiver = client.createReceiver('orders');
    const [message] = await receive(receiver, 1);
    const other = client.createReceiver('orders');
    expect(await other.receiveMessages(1, { maxWaitTimeInMs: 1_500 })).toEqual([]);
    await receiver.completeMessage(message!);
  });

  it('make a dead letter of what failed too often, by abandon and by time', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ queues: [queue('orders', { deliveriesMax: 3 })], clock });
    await client.createSender('orders').sendMessages({ body: 1 });
    const receiver = client.createReceiver('orders', { maxAutoLockRenewalDurationInMs: 0 });
    for (const deliveryCount of [0, 1]) {
      const [message] = await receive(receiver, 1);
      expect(message).toMatchObject({ deliveryCount });
      await receiver.abandonMessage(message!);
    }
    await receive(receiver, 1);
    await clock.advance(60_000);
    const [letter] = await receive(client.createReceiver('orders', dead), 1);
    expect(letter).toMatchObject({
      body: 1,
      deadLetterReason: 'MaxDeliveryCountExceeded',
      deadLetterErrorDescription: 'Message could not be consumed after 3 delivery attempts.',
    });
    expect(await isEmpty(receiver)).toBe(true);
  });
});

describe('time to live', () => {
  it('ends a message, whether its own or its queue’s is shorter; it becomes a dead letter', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ queues: [queue('orders', { timeToLiveMs: 60_000 })], clock });
    await client.createSender('orders').sendMessages([
      { body: 'own', timeToLive: 10_000 },
      { body: 'queue', timeToLive: 90_000 },
    ]);
    const receiver = client.createReceiver('orders');
    await clock.advance(10_000);
    expect((await receiver.peekMessages(10)).map(({ body }) => body)).toEqual(['queue']);
    await clock.advance(50_000);
    expect(await isEmpty(receiver)).toBe(true);
    const letters = await receive(client.createReceiver('orders', dead), 2);
    expect(bodies(letters)).toEqual(['own', 'queue']);
    expect(letters[0]?.deadLetterReason).toBe('TTLExpiredException');
  });

  it('ends as many as have become due, some in each turn', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ queues: [queue('orders')], bounds: { dueMax: 7 }, clock });
    const sender = client.createSender('orders');
    const many = Array.from({ length: 100 }, (_, body) => ({ body, timeToLive: 10_000 }));
    await sender.sendMessages(many);
    await sender.scheduleMessages(many, new Date(clock.now() + 5_000));
    await clock.advance(5_000);
    const receiver = client.createReceiver('orders');
    await until('all have arrived', async () => (await peekAll(receiver)) === 200);
    await clock.advance(10_000);
    const letters = client.createReceiver('orders', dead);
    await until('all are dead letters', async () => {
      await clock.advance(0);
      return (await peekAll(letters)) === 200;
    });
    expect(await peekAll(receiver)).toBe(0);
  });

  it('does not end what somebody holds, but what he gives back', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ queues: [queue('orders', { keepsExpired: false })], clock });
    await client.createSender('orders').sendMessages([
      { body: 1, timeToLive: 10_000 },
      { body: 2, timeToLive: 10_000 },
    ]);
    const receiver = client.createReceiver('orders', { maxAutoLockRenewalDurationInMs: 0 });
    const [one, two] = await receive(receiver, 2);
    await clock.advance(20_000);
    await receiver.completeMessage(one!);
    await receiver.abandonMessage(two!);
    expect(await isEmpty(receiver)).toBe(true);
    expect(await receiver.peekMessages(10)).toEqual([]);
    expect(await client.createReceiver('orders', dead).peekMessages(10)).toEqual([]);
  });
});

describe('duplicate detection', () => {
  it('accepts and drops what has an id of the window, in one batch too', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ queues: [queue('orders', { duplicateWindowMs: 60_000 })], clock });
    const sender = client.createSender('orders');
    await sender.sendMessages([
      { body: 1, messageId: 'a' },
      { body: 2, messageId: 'a' },
      { body: 3, messageId: 'b' },
      { body: 4 },
      { body: 5 },
    ]);
    await clock.advance(59_999);
    await sender.sendMessages({ body: 6, messageId: 'a' });
    await clock.advance(1);
    await sender.sendMessages({ body: 7, messageId: 'a' });
    expect(bodies(await receive(client.createReceiver('orders'), 5))).toEqual([1, 3, 4, 5, 7]);
  });

  it('works for a topic before its subscriptions', async () => {
    await begin({
      topics: [
        topic('news', [subscription('a'), subscription('b')], { duplicateWindowMs: 60_000 }),
      ],
    });
    const sender = client.createSender('news');
    for (const body of [1, 2]) await sender.sendMessages({ body, messageId: 'same' });
    await sender.sendMessages({ body: 3, messageId: 'other' });
    for (const name of ['a', 'b']) {
      expect(bodies(await receive(client.createReceiver('news', name), 2))).toEqual([1, 3]);
    }
  });
});
