/** The local Service Bus beside the line: peeking, scheduling, topics with their rules. */
import type { ServiceBusClient, SqlRuleFilter } from '@azure/service-bus';
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

let broker: RunningBroker;
let client: ServiceBusClient;

async function begin(setting: BrokerSetting): Promise<void> {
  broker = await startBroker(setting);
  client = broker.client();
}
afterEach(() => broker.stop());

describe('peeking', () => {
  it('shows every message in order, whoever holds it, and takes nothing', async () => {
    await begin({ queues: [queue('orders')] });
    await client.createSender('orders').sendMessages([1, 2, 3].map((body) => ({ body })));
    const receiver = client.createReceiver('orders');
    await receive(receiver, 1);
    const seen = await client.createReceiver('orders').peekMessages(10);
    expect(bodies(seen)).toEqual([1, 2, 3]);
    expect(seen.map(({ lockToken }) => lockToken)).toEqual([undefined, undefined, undefined]);
    expect(bodies(await receive(receiver, 2))).toEqual([2, 3]);
  });

  it('goes on where it was, or begins where it is told', async () => {
    await begin({ queues: [queue('orders')] });
    await client.createSender('orders').sendMessages([1, 2, 3, 4].map((body) => ({ body })));
    const receiver = client.createReceiver('orders');
    const [first] = await receiver.peekMessages(2);
    expect(bodies(await receiver.peekMessages(2))).toEqual([3, 4]);
    expect(await receiver.peekMessages(2)).toEqual([]);
    const fromSequenceNumber = first!.sequenceNumber!.add(1);
    expect(bodies(await receiver.peekMessages(2, { fromSequenceNumber }))).toEqual([2, 3]);
  });

  it('gives at most as much as an answer holds, but always something', async () => {
    await begin({
      queues: [queue('orders')],
      bounds: { answerMessagesMax: 3, answerBytesMax: 5_000 },
    });
    const sender = client.createSender('orders');
    await sender.sendMessages([1, 2, 3, 4, 5].map((body) => ({ body })));
    await sender.sendMessages([{ body: 'x'.repeat(9_000) }, { body: 'y'.repeat(9_000) }]);
    const receiver = client.createReceiver('orders');
    const lengths = [];
    for (let n = 0; n < 4; n += 1) lengths.push((await receiver.peekMessages(100)).length);
    expect(lengths).toEqual([3, 2, 1, 1]);
  });
});

describe('scheduling', () => {
  it('lets a message arrive at its time, as if it had been sent then', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ queues: [queue('orders')], clock });
    const sender = client.createSender('orders');
    const at = new Date(clock.now() + 60_000);
    const [number] = await sender.scheduleMessages({ body: 'later', messageId: 'l' }, at);
    await sender.sendMessages([
      { body: 'now' },
      { body: 'later too', scheduledEnqueueTimeUtc: at },
      { body: 'at once', scheduledEnqueueTimeUtc: new Date(clock.now() - 1) },
    ]);
    const receiver = client.createReceiver('orders');
    const early = await receive(receiver, 2);
    expect(bodies(early)).toEqual(['now', 'at once']);
    for (const message of early) await receiver.completeMessage(message);
    const [waiting] = await receiver.peekMessages(1);
    expect(waiting).toMatchObject({ body: 'later', state: 'scheduled', messageId: 'l' });
    expect(waiting?.sequenceNumber).toEqual(number);
    expect(waiting?.scheduledEnqueueTimeUtc).toEqual(at);
    expect(await isEmpty(receiver)).toBe(true);
    await clock.advance(60_000);
    const [later, too] = await receive(receiver, 2);
    expect([later?.body, too?.body]).toEqual(['later', 'later too']);
    expect(later?.enqueuedTimeUtc?.getTime()).toBe(clock.now());
    expect(later!.sequenceNumber!.greaterThan(number!)).toBe(true);
  });

  it('can be cancelled until then, all of a call or none', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ queues: [queue('orders')], clock });
    const sender = client.createSender('orders');
    const at = new Date(clock.now() + 60_000);
    const numbers = await sender.scheduleMessages([{ body: 1 }, { body: 2 }, { body: 3 }], at);
    await sender.cancelScheduledMessages([numbers[0]!, numbers[2]!]);
    await expect(sender.cancelScheduledMessages([numbers[1]!, numbers[0]!])).rejects.toMatchObject({
      code: 'MessageNotFound',
    });
    await clock.advance(60_000);
    const receiver = client.createReceiver('orders');
    expect(bodies(await receive(receiver, 1))).toEqual([2]);
    expect(await isEmpty(receiver)).toBe(true);
    await expect(sender.cancelScheduledMessages(numbers[1]!)).rejects.toMatchObject({
      code: 'MessageNotFound',
    });
  });

  it('routes to subscriptions when the time has come, by the rules of then', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ topics: [topic('news', [subscription('all')])], clock });
    const sender = client.createSender('news');
    await sender.scheduleMessages({ body: 1 }, new Date(clock.now() + 1_000));
    await client.createRuleManager('news', 'all').deleteRule('$Default');
    await sender.scheduleMessages({ body: 2 }, new Date(clock.now() + 2_000));
    await clock.advance(1_000);
    await client.createRuleManager('news', 'all').createRule('again', { sqlExpression: '1=1' });
    await clock.advance(1_000);
    expect(bodies(await receive(client.createReceiver('news', 'all'), 1))).toEqual([2]);
  });

  it('is refused without a session where one is required', async () => {
    await begin({ queues: [queue('shards', { requiresSession: true })] });
    const sender = client.createSender('shards');
    await expect(
      sender.scheduleMessages({ body: 1 }, new Date(Date.now() + 60_000)),
    ).rejects.toThrow(/The SessionId was not set/);
  });
});

describe('topics', () => {
  it('copy a message to each subscription whose rules want it', async () => {
    const big: SqlRuleFilter = { sqlExpression: "size > 10 AND sys.Label LIKE 'order%'" };
    await begin({
      topics: [
        topic('news', [
          subscription('all'),
          subscription('big', {
            rules: [{ name: 'r', filter: { kind: 'sql', expression: big.sqlExpression } }],
          }),
          subscription('acme', {
            rules: [
              {
                name: 'r',
                filter: {
                  kind: 'correlation',
                  system: { label: 'order-1' },
                  user: { tenant: 'acme' },
                },
              },
            ],
          }),
          subscription('none', { rules: [{ name: 'r', filter: { kind: 'false' } }] }),
        ]),
      ],
    });
    await client
      .createSender('news')
      .sendMessages([
        { body: 1, subject: 'order-1', applicationProperties: { size: 11, tenant: 'acme' } },
        { body: 2, subject: 'order-2', applicationProperties: { size: 12, tenant: 'acme' } },
        { body: 3, subject: 'order-1', applicationProperties: { size: 10, TENANT: 'acme' } },
        { body: 4 },
      ]);
    const got = async (name: string, count: number) =>
      bodies(await receive(client.createReceiver('news', name), count));
    expect(await got('all', 4)).toEqual([1, 2, 3, 4]);
    expect(await got('big', 2)).toEqual([1, 2]);
    expect(await got('acme', 2)).toEqual([1, 3]);
    expect(await isEmpty(client.createReceiver('news', 'none'))).toBe(true);
  });

  it('settle each copy for itself, with dead letters of its own', async () => {
    await begin({ topics: [topic('news', [subscription('a'), subscription('b')])] });
    await client.createSender('news').sendMessages({ body: 1 });
    const a = client.createReceiver('news', 'a');
    await a.deadLetterMessage((await receive(a, 1))[0]!, {
      deadLetterReason: 'r',
      deadLetterErrorDescription: 'd',
    });
    const dead = { subQueueType: 'deadLetter' } as const;
    expect(bodies(await receive(client.createReceiver('news', 'a', dead), 1))).toEqual([1]);
    expect(bodies(await receive(client.createReceiver('news', 'b'), 1))).toEqual([1]);
    expect(await isEmpty(client.createReceiver('news', 'b', dead))).toBe(true);
  });

  it('are found whatever the case of their names', async () => {
    await begin({ topics: [topic('News', [subscription('All')])] });
    await client.createSender('nEWS').sendMessages({ body: 1 });
    expect(bodies(await receive(client.createReceiver('news', 'ALL'), 1))).toEqual([1]);
  });
});

describe('rules', () => {
  it('are listed, added and removed; messages follow at once', async () => {
    await begin({ topics: [topic('news', [subscription('mine')])] });
    const rules = client.createRuleManager('news', 'mine');
    const listed = async () => {
      const found = [];
      for await (const rule of rules.listRules()) found.push(rule);
      return found;
    };
    expect(await listed()).toMatchObject([{ name: '$Default', filter: { sqlExpression: '1=1' } }]);
    await rules.createRule('sql', { sqlExpression: "user.kind = 'a'" });
    await rules.createRule('correlation', {
      subject: 'b',
      applicationProperties: { urgent: true },
    });
    await rules.deleteRule('$Default');
    expect(await listed()).toMatchObject([
      { name: 'sql', filter: { sqlExpression: "user.kind = 'a'" } },
      {
        name: 'correlation',
        filter: { subject: 'b', applicationProperties: { urgent: true } },
      },
    ]);
    await client.createSender('news').sendMessages([
      { body: 1, applicationProperties: { kind: 'a' } },
      { body: 2, subject: 'b' },
      { body: 3, subject: 'b', applicationProperties: { urgent: true } },
    ]);
    expect(bodies(await receive(client.createReceiver('news', 'mine'), 2))).toEqual([1, 3]);
  });

  it('are refused with a reason: a name twice, a filter that cannot be read, an action', async () => {
    await begin({
      topics: [topic('news', [subscription('mine')])],
      bounds: { rulesMax: 2 },
    });
    const rules = client.createRuleManager('news', 'mine');
    const filter = { sqlExpression: '1=1' };
    await expect(rules.createRule('$Default', filter)).rejects.toMatchObject({
      code: 'MessagingEntityAlreadyExists',
    });
    await expect(rules.createRule('r', { sqlExpression: 'size >' })).rejects.toThrow(
      /expected a property or a value, found the end/,
    );
    await expect(rules.createRule('r', { sqlExpression: 'sys.Size > 1' })).rejects.toThrow(
      /'sys.Size' is not known/,
    );
    await expect(rules.createRule('r', filter, { sqlExpression: 'SET a = 1' })).rejects.toThrow(
      /actions are left out/,
    );
    await expect(rules.deleteRule('no-such')).rejects.toMatchObject({
      code: 'MessagingEntityNotFound',
    });
    await rules.createRule('second', filter);
    await expect(rules.createRule('third', filter)).rejects.toMatchObject({
      code: 'QuotaExceeded',
    });
  });
});
