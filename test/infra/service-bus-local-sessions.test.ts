/** Sessions of the local Service Bus: exclusive, in order, with a state, and given on when free. */
import type { ServiceBusClient } from '@azure/service-bus';
import { afterEach, expect, it } from 'vitest';
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

async function begin(setting: BrokerSetting = {}): Promise<void> {
  const sharded = queue('shards', { requiresSession: true });
  broker = await startBroker({ queues: [sharded], ...setting });
  client = broker.client();
}
afterEach(() => broker.stop());

async function send(...messages: readonly (readonly [sessionId: string, body: unknown])[]) {
  await client
    .createSender('shards')
    .sendMessages(messages.map(([sessionId, body]) => ({ sessionId, body })));
}

/** Time is moved by hand, so the client must not renew by its own. */
const still = { maxAutoLockRenewalDurationInMs: 0 };

it('are accepted by name; their messages come in order, and nobody else’s', async () => {
  await begin();
  await send(['a', 1], ['b', 2], ['a', 3], ['b', 4], ['a', 5]);
  const a = await client.acceptSession('shards', 'a');
  expect(a.sessionId).toBe('a');
  expect(a.sessionLockedUntilUtc.getTime()).toBeGreaterThan(Date.now() + 50_000);
  const got = await receive(a, 3);
  expect(bodies(got)).toEqual([1, 3, 5]);
  expect(got.every(({ sessionId }) => sessionId === 'a')).toBe(true);
  for (const message of got) await a.completeMessage(message);
  expect(await isEmpty(a)).toBe(true);
});

it('may be accepted before they have a message', async () => {
  await begin();
  const early = await client.acceptSession('shards', 'early');
  await send(['early', 1]);
  expect(bodies(await receive(early, 1))).toEqual([1]);
});

it('belong to one at a time; the next gets them when the first closes, with nothing lost', async () => {
  await begin();
  await send(['a', 1], ['a', 2]);
  const first = await client.acceptSession('shards', 'a');
  await receive(first, 2);
  await expect(client.acceptSession('shards', 'a')).rejects.toMatchObject({
    code: 'SessionCannotBeLocked',
  });
  await first.close();
  const second = await broker.client().acceptSession('shards', 'a');
  const got = await receive(second, 2);
  expect(bodies(got)).toEqual([1, 2]);
  // Closed is not failed.
  expect(got.map(({ deliveryCount }) => deliveryCount)).toEqual([0, 0]);
});

it('are given to whoever asks for the next, the one that has waited longest first', async () => {
  await begin();
  await send(['a', 1], ['b', 2], ['c', 3]);
  const next = () => client.acceptNextSession('shards');
  const held = [await next(), await next(), await next()];
  expect(held.map(({ sessionId }) => sessionId)).toEqual(['a', 'b', 'c']);
});

it('keep one who asks for the next waiting until there is one', async () => {
  await begin();
  const waiting = client.acceptNextSession('shards');
  await send(['late', 1]);
  const session = await waiting;
  expect(session.sessionId).toBe('late');
  const again = client.acceptNextSession('shards');
  await session.close();
  expect((await again).sessionId).toBe('late');
});

it('tell one who waited in vain that his time is over', async () => {
  await begin();
  const hasty = broker.client({ retryOptions: { maxRetries: 0, timeoutInMs: 300 } });
  await expect(hasty.acceptNextSession('shards')).rejects.toMatchObject({ code: 'ServiceTimeout' });
  // He is forgotten: the session goes to one who is there.
  await send(['a', 1]);
  expect((await client.acceptNextSession('shards')).sessionId).toBe('a');
});

it('give an abandoned message again before its followers', async () => {
  await begin();
  await send(['a', 1], ['a', 2], ['a', 3]);
  const session = await client.acceptSession('shards', 'a');
  const [one] = await receive(session, 1);
  await session.abandonMessage(one!);
  const got = await receive(session, 3);
  expect(bodies(got)).toEqual([1, 2, 3]);
  expect(got[0]?.deliveryCount).toBe(1);
});

it('are lost when their lock ends: told so, unsettled messages count as failed', async () => {
  const clock = new ManualClock(Date.now());
  await begin({ clock });
  await send(['a', 1], ['a', 2]);
  const session = await client.acceptSession('shards', 'a', still);
  const errors: unknown[] = [];
  const got: unknown[] = [];
  session.subscribe(
    {
      processMessage: async ({ body }) => {
        got.push(body);
      },
      processError: async ({ error }) => {
        errors.push(error);
      },
    },
    { maxConcurrentCalls: 2, autoCompleteMessages: false },
  );
  await until('both came', () => got.length === 2);
  await clock.advance(60_000);
  await until('it was told', () => errors.length > 0);
  expect(errors[0]).toMatchObject({ code: 'SessionLockLost' });
  const next = await client.acceptNextSession('shards', still);
  const again = await receive(next, 2);
  expect(again.map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([
    [1, 1],
    [2, 1],
  ]);
});

it('make a dead letter of what ended too many of their locks; the next message comes', async () => {
  const clock = new ManualClock(Date.now());
  const sharded = queue('shards', { requiresSession: true, deliveriesMax: 2 });
  await begin({ queues: [sharded], clock });
  await send(['a', 'poison'], ['a', 'good']);
  for (const deliveryCount of [0, 1]) {
    const session = await client.acceptSession('shards', 'a', still);
    expect(await receive(session, 1)).toMatchObject([{ body: 'poison', deliveryCount }]);
    await clock.advance(60_000);
    await until('the link is closed', () => session.isClosed);
  }
  const session = await client.acceptSession('shards', 'a', still);
  expect(bodies(await receive(session, 1))).toEqual(['good']);
  const letters = client.createReceiver('shards', { subQueueType: 'deadLetter' });
  expect(await receive(letters, 1)).toMatchObject([
    { body: 'poison', sessionId: 'a', deadLetterReason: 'MaxDeliveryCountExceeded' },
  ]);
});

it('are kept by renewing their lock, and their messages with them', async () => {
  const clock = new ManualClock(Date.now());
  await begin({ clock });
  await send(['a', 1]);
  const session = await client.acceptSession('shards', 'a', still);
  const [message] = await receive(session, 1);
  await clock.advance(40_000);
  const lockedUntil = await session.renewSessionLock();
  expect(lockedUntil.getTime()).toBe(clock.now() + 60_000);
  await clock.advance(40_000);
  await session.completeMessage(message!);
});

it('are kept by the client itself while it works', async () => {
  await begin({ queues: [queue('shards', { requiresSession: true, lockMs: 700 })] });
  await send(['a', 1]);
  const session = await client.acceptSession('shards', 'a');
  const [message] = await receive(session, 1);
  const hasty = broker.client({ retryOptions: { maxRetries: 0, timeoutInMs: 1_500 } });
  await expect(hasty.acceptNextSession('shards')).rejects.toMatchObject({ code: 'ServiceTimeout' });
  await session.completeMessage(message!);
});

it('keep a state for the next holder; only the holder reads or writes it', async () => {
  const clock = new ManualClock(Date.now());
  await begin({ clock });
  const first = await client.acceptSession('shards', 'a', still);
  expect(await first.getSessionState()).toBeNull();
  await first.setSessionState({ step: 3 });
  expect(await first.getSessionState()).toEqual({ step: 3 });
  await first.close();
  const second = await client.acceptSession('shards', 'a', still);
  expect(await second.getSessionState()).toEqual({ step: 3 });
  await clock.advance(60_000);
  await expect(second.setSessionState('late')).rejects.toThrow();
  const third = await client.acceptSession('shards', 'a', still);
  expect(await third.getSessionState()).toEqual({ step: 3 });
});

it('have their deferred messages for their holder only', async () => {
  await begin();
  await send(['a', 1], ['b', 2]);
  const a = await client.acceptSession('shards', 'a');
  const b = await client.acceptSession('shards', 'b');
  const [message] = await receive(a, 1);
  await a.deferMessage(message!);
  const number = message!.sequenceNumber!;
  await expect(b.receiveDeferredMessages(number)).rejects.toMatchObject({
    code: 'SessionLockLost',
  });
  const [taken] = await a.receiveDeferredMessages(number);
  expect(taken?.body).toBe(1);
  await a.completeMessage(taken!);
  expect(await a.peekMessages(10)).toEqual([]);
});

it('can be peeked one by one', async () => {
  await begin();
  await send(['a', 1], ['b', 2], ['a', 3]);
  const a = await client.acceptSession('shards', 'a');
  expect((await a.peekMessages(10)).map(({ body }) => body)).toEqual([1, 3]);
});

it('are not for receivers without one, nor one for entities without sessions', async () => {
  await begin({ queues: [queue('shards', { requiresSession: true }), queue('plain')] });
  const receiver = client.createReceiver('shards');
  await expect(receiver.receiveMessages(1, { maxWaitTimeInMs: 5_000 })).rejects.toThrow(
    /requires sessions to create a non-sessionful/,
  );
  await expect(client.acceptSession('plain', 'a')).rejects.toThrow();
});

it('are required: a queue refuses a message without, a subscription makes it a dead letter', async () => {
  await begin({
    queues: [queue('shards', { requiresSession: true })],
    topics: [
      topic('news', [subscription('sharded', { requiresSession: true }), subscription('all')]),
    ],
  });
  await expect(client.createSender('shards').sendMessages({ body: 1 })).rejects.toThrow(
    /The SessionId was not set on a message/,
  );
  await client.createSender('news').sendMessages([{ body: 1 }, { body: 2, sessionId: 's' }]);
  const letters = client.createReceiver('news', 'sharded', { subQueueType: 'deadLetter' });
  expect(await receive(letters, 1)).toMatchObject([
    { body: 1, deadLetterReason: 'Session id is null.' },
  ]);
  expect(bodies(await receive(client.createReceiver('news', 'all'), 2))).toEqual([1, 2]);
  expect(bodies(await receive(await client.acceptSession('news', 'sharded', 's'), 1))).toEqual([2]);
});

it('keep their order over many holders, with messages given back by each', async () => {
  await begin();
  await send(...Array.from({ length: 50 }, (_, n) => ['a', n] as const));
  const completed: unknown[] = [];
  while (completed.length < 50) {
    const session = await client.acceptNextSession('shards');
    const got = await receive(session, Math.min(10, 50 - completed.length));
    for (const message of got.slice(0, 7)) {
      await session.completeMessage(message);
      completed.push(message.body);
    }
    await session.close();
  }
  expect(completed).toEqual(Array.from({ length: 50 }, (_, n) => n));
});
