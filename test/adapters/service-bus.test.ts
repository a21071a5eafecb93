/** What Service Bus adds to the port: the wire, others' messages, large bodies, and what must be there. */
import {
  type ServiceBusClient as Client,
  ServiceBusClient,
  type ServiceBusMessage,
  type ServiceBusReceivedMessage,
} from '@azure/service-bus';
import Long from 'long';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryBlobs } from '#adapters/memory';
import { openServiceBus } from '#adapters/service-bus';
import { systemClock, systemIds } from '#adapters/system';
import { type BusMessage, type Delivery, limits, RuntimeError, shardOf } from '#runtime';
import { createEntity, onTheBus } from '#test/messages';
import {
  openTestBroker,
  subscriptionName,
  type TestBroker,
  type TestNode,
  topicName,
} from '#test/service-bus';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';
import { incoming } from '../../adapters/service-bus/wire.ts';
import { textOf } from '../contracts/bus.ts';

const why = { code: 'MESSAGE_INVALID', detail: 'for the test' };
const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

let broker: TestBroker;
let client: Client;
const cleanUps: (() => Promise<unknown>)[] = [];

async function setUp(parts: Parameters<typeof openTestBroker>[0] = {}): Promise<void> {
  broker = await openTestBroker(parts);
  cleanUps.push(() => broker.close());
  client = new ServiceBusClient(broker.connectionString);
  cleanUps.push(() => client.close());
}
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function open(parts: Parameters<TestBroker['open']>[0] = {}): Promise<TestNode> {
  const node = await broker.open(parts);
  cleanUps.push(() => node.close());
  return node;
}

/** Consumes, and keeps what came. */
async function consume(
  { bus }: TestNode,
  handle = (delivery: Delivery) => delivery.complete(),
): Promise<BusMessage[]> {
  const came: BusMessage[] = [];
  await bus.consume(
    (delivery) => {
      came.push(delivery.message);
      return handle(delivery);
    },
    { inFlightMax: 100 },
  );
  return came;
}

const refuse = (delivery: Delivery) => delivery.deadLetter(why);
const sender = () => client.createSender(topicName);
const peek = (subscription = subscriptionName) =>
  client
    .createReceiver(topicName, subscription, { skipParsingBodyAsJson: true })
    .peekMessages(1_000, { fromSequenceNumber: Long.ZERO });

const untilLetters = ({ bus }: TestNode, count: number, tenantId: string | null = 'acme') =>
  until(`${count} dead letters of ${tenantId}`, async () => {
    const letters = await bus.deadLetters.peek({ tenantId, limit: 99 });
    return letters.length === count ? letters : null;
  });

describe('a message on the wire', () => {
  beforeEach(() => setUp());

  const wired = async (message: BusMessage): Promise<ServiceBusReceivedMessage> => {
    const { bus } = await open();
    await bus.publish([message]);
    const [received] = await peek();
    return received!;
  };

  it('has the exact bytes of its body, and its shard as session id', async () => {
    const { body, messageId } = onTheBus(createEntity({ id: 'issue-7' }));
    const spaced = body.replace(':', ' :\t');
    const received = await wired({ messageId, body: spaced });
    expect(received.body).toEqual(Buffer.from(spaced));
    expect(received.contentType).toBe('application/json');
    expect(received.sessionId).toBe(String(shardOf('entity-acme/issue-7', limits.shards)));
  });

  it('says whose it is and what, and carries its trace and correlation', async () => {
    const message = { ...createEntity(), correlationId: 'case-1', traceparent: trace };
    const received = await wired(onTheBus(message));
    expect(received.correlationId).toBe('case-1');
    expect(received.applicationProperties).toEqual({
      publishedBy: 'cognisync',
      messageId: message.messageId,
      tenantId: 'acme',
      messageType: 'CREATE_ENTITY',
      traceparent: trace,
      'Diagnostic-Id': trace,
    });
  });

  it('whose body can not be read has the shard of its id', async () => {
    const received = await wired({ messageId: 'odd', body: 'no JSON' });
    expect(received.sessionId).toBe(String(shardOf('odd', limits.shards)));
    expect(received.applicationProperties).toEqual({ publishedBy: 'cognisync', messageId: 'odd' });
  });

  it('keeps an id of any length', async () => {
    const message = createEntity({ messageId: 'm'.repeat(limits.idCharsMax) });
    const received = await wired(onTheBus(message));
    expect(received.applicationProperties?.messageId).toBe(message.messageId);
    expect(received.messageId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is one of many batches where many are published at once, in order', async () => {
    const { bus } = await open();
    const padding = 'x'.repeat(1_000);
    const messages = Array.from({ length: 900 }, (_, n) =>
      onTheBus(createEntity({ id: 'issue-1', messageId: `m${n}`, properties: { padding } })),
    );
    await bus.publish(messages);
    const came = await consume(await open());
    await until('all came', () => came.length === 900);
    expect(came.map(({ messageId }) => messageId)).toEqual(messages.map((one) => one.messageId));
  });
});

describe('duplicate detection', () => {
  beforeEach(() => setUp({ detectsDuplicates: true }));

  it('drops a repeat of the same message, and no other with the same id', async () => {
    const { bus } = await open();
    const first = onTheBus(createEntity({ messageId: 'same' }));
    const other = onTheBus(createEntity({ messageId: 'same', properties: { other: true } }));
    const anothers = onTheBus(createEntity({ messageId: 'same', tenantId: 'beta' }));
    await bus.publish([first, first]);
    await bus.publish([first, other, anothers]);
    const bodies = (await peek()).map(({ body }) => String(body));
    expect(bodies).toEqual([first.body, other.body, anothers.body]);
  });

  it('does not stand in the way of a redrive', async () => {
    const node = await open();
    let isMended = false;
    const came = await consume(node, (delivery) =>
      isMended ? delivery.complete() : refuse(delivery),
    );
    await node.bus.publish([onTheBus(createEntity())]);
    for (let time = 1; time <= 3; time++) {
      await untilLetters(node, 1);
      isMended = time === 3;
      expect(await node.bus.deadLetters.redrive({ tenantId: 'acme' })).toBe(1);
      await until('it came again', () => came.length === time + 1);
    }
    await untilLetters(node, 0);
  });
});

describe('messages of other producers', () => {
  beforeEach(() => setUp());

  const command = () => createEntity({ id: 'issue-1' });
  const text = JSON.stringify(createEntity({ id: 'issue-1', properties: { of: 'others' } }));
  const cases: readonly [string, Partial<ServiceBusMessage>, string][] = [
    ['an object', { body: JSON.parse(text) }, text],
    ['JSON text', { body: text }, text],
    ['bytes', { body: Buffer.from(text) }, text],
    ['other text', { body: 'no "JSON" at all' }, 'no "JSON" at all'],
    ['a number', { body: 42 }, '42'],
    ['nothing', { body: undefined }, 'null'],
  ];

  it.each(cases)('with %s for a body reach their shard with it', async (_, parts, expected) => {
    const came = await consume(await open());
    await sender().sendMessages({ body: null, messageId: 'foreign-1', ...parts });
    await until('it came', () => came.length === 1);
    expect(came[0]).toEqual({ messageId: 'foreign-1', body: expected });
  });

  it.each([
    ['a value of text', text, 'value', text],
    ['a value of a map', JSON.parse(text), 'value', text],
    ['a value of bytes', Buffer.from(text), 'value', text],
    ['a sequence', [1, 'two'], 'sequence', '[1,"two"]'],
  ] as const)('in AMQP’s own types, %s, reach it too', async (_, body, bodyType, expected) => {
    const came = await consume(await open());
    await sender().sendMessages({ body, bodyType, properties: { messageId: 'amqp-1' } });
    await until('it came', () => came.length === 1);
    expect(came[0]!.messageId).toBe('amqp-1');
    expect(sorted(textOf(came[0]!))).toEqual(sorted(expected));
  });

  it('are dead letters with what their producer sent', async () => {
    const node = await open();
    await consume(node, refuse);
    const bytes = Uint8Array.of(0xff, 0xfe, 0);
    const odd = { messageType: 'NO_SUCH_TYPE', tenantId: 'acme' };
    await sender().sendMessages([
      { messageId: 'text', body: text },
      { messageId: 'odd', body: odd },
      { messageId: 'bytes', body: bytes },
    ]);
    const letters = await untilLetters(node, 2);
    expect(new Map(letters.map(({ messageId, body }) => [messageId, body]))).toEqual(
      new Map([
        ['text', text],
        ['odd', JSON.stringify(odd)],
      ]),
    );
    const [letter] = await untilLetters(node, 1, null);
    expect(letter).toMatchObject({
      messageId: 'bytes',
      encoding: 'base64',
      body: Buffer.from(bytes).toString('base64'),
    });
  });

  it('go on with their trace and correlation', async () => {
    const node = await open();
    const hold = Promise.withResolvers<void>();
    await consume(node, async (delivery) => {
      await hold.promise;
      await delivery.complete();
    });
    await sender().sendMessages({
      body: command(),
      messageId: 'traced',
      correlationId: 'case-2',
      applicationProperties: { 'Diagnostic-Id': trace, tracestate: 'a=b' },
    });
    await node.telemetry.first('intake-routed');
    const [received] = await peek();
    expect(received?.correlationId).toBe('case-2');
    expect(received?.applicationProperties).toMatchObject({
      traceparent: trace,
      tracestate: 'a=b',
    });
    hold.resolve();
  });

  it('with a session of their own stay in it, in order', async () => {
    const node = await open();
    const came = await consume(node);
    const numbers = Array.from({ length: 20 }, (_, n) => n);
    await sender().sendMessages(
      numbers.map((n) => ({ body: command(), messageId: `own-${n}`, sessionId: 'their own' })),
    );
    await until('all came', () => came.length === 20);
    expect(came.map(({ messageId }) => messageId)).toEqual(numbers.map((n) => `own-${n}`));
    expect(await node.telemetry.first('shard-taken')).toMatchObject({ shard: 'their own' });
  });

  it('may have numbers and bytes for ids, and get one where they have none', async () => {
    const came = await consume(await open());
    const bytes = Buffer.from('0a0b'.repeat(8), 'hex');
    await sender().sendMessages({ body: command(), messageId: 4711 });
    await sender().sendMessages({ body: command(), messageId: bytes });
    await sender().sendMessages({ body: command() });
    await until('all came', () => came.length === 3);
    const ids = came.map(({ messageId }) => messageId);
    expect(ids).toEqual(
      expect.arrayContaining(['4711', '0a0b'.repeat(8), expect.stringMatching(/./)]),
    );
    const nameless = { body: Buffer.from('{}'), sequenceNumber: Long.fromNumber(7) };
    const received = { ...nameless, _rawAmqpMessage: { bodyType: 'data' } };
    expect(incoming(received as never)).toEqual({ messageId: 'sequence-7', body: '{}' });
  });

  it('with no AMQP body at all are dead letters, and hold up nobody', async () => {
    const node = await open();
    await consume(node, (delivery) =>
      textOf(delivery.message) === '' ? refuse(delivery) : delivery.complete(),
    );
    await sender().sendMessages({ body: Buffer.alloc(0), messageId: 'empty' });
    await sender().sendMessages({ body: command(), messageId: 'full' });
    expect(await untilLetters(node, 1, null)).toMatchObject([{ messageId: 'empty', body: '' }]);
  });

  it('that say they are ours are believed their shard, and can name no blob outside', async () => {
    const blobs = new MemoryBlobs();
    const node = await open({ blobs });
    const came = await consume(node);
    await sender().sendMessages({
      body: '{}',
      messageId: 'forged',
      sessionId: '1',
      applicationProperties: { publishedBy: 'cognisync', claimCheck: '../../etc/passwd' },
    });
    await until('it came', () => came.length === 1);
    expect(textOf(came[0]!)).toBe('"{}"');
  });
});

describe('a body above the limit', () => {
  beforeEach(() => setUp());

  const large = (id = 'issue-1', n = 0): BusMessage =>
    onTheBus(
      createEntity({
        id,
        messageId: `large-${n}`,
        at: n,
        properties: { text: `ü${'x'.repeat(limits.busBodyBytesMax)}` },
      }),
    );

  it('goes by way of the blobs, whole, and leaves nothing there', async () => {
    const blobs = new MemoryBlobs();
    const node = await open({ blobs });
    const message = large();
    await node.bus.publish([message]);
    const [received] = await peek();
    const check = JSON.parse(String(received?.body));
    expect(check).toEqual({
      claimCheck: expect.stringMatching(/^acme\/[0-9a-f-]{36}$/),
      bytes: Buffer.byteLength(message.body),
    });
    expect(received?.applicationProperties).toMatchObject({ claimCheck: check.claimCheck });
    expect(blobs.size).toBe(1);
    const came = await consume(node);
    await until('its blob is gone', () => blobs.size === 0);
    expect(came[0]).toEqual(message);
  });

  it('comes in its place among others of its actor', async () => {
    const node = await open();
    const messages = [0, 1, 2, 3].map((n) =>
      n % 2 === 1
        ? large('issue-1', n)
        : onTheBus(createEntity({ messageId: `small-${n}`, at: n })),
    );
    await node.bus.publish(messages);
    const came = await consume(await open());
    await until('all came', () => came.length === 4);
    expect(came.map(({ messageId }) => messageId)).toEqual(messages.map((one) => one.messageId));
  });

  it('of another producer goes that way too', async () => {
    const blobs = new MemoryBlobs();
    const came = await consume(await open({ blobs }));
    const { body } = large();
    await sender().sendMessages({ body: JSON.parse(String(body)), messageId: 'foreign' });
    await until('it came', () => came.length === 1 && blobs.size === 0);
    expect(came[0]).toEqual({ messageId: 'foreign', body });
  });

  it('is kept with a dead letter, which says so, shows it, and takes it along', async () => {
    const blobs = new MemoryBlobs();
    const node = await open({ blobs });
    let isMended = false;
    const came = await consume(node, (delivery) =>
      isMended ? delivery.complete() : refuse(delivery),
    );
    const message = large();
    await node.bus.publish([message]);
    const [letter] = await untilLetters(node, 1);
    expect(letter).toMatchObject({ body: message.body, messageId: 'large-0' });
    expect(letter?.reason.detail).toMatch(/^for the test \(its body is kept as blob acme\//);
    isMended = true;
    expect(await node.bus.deadLetters.redrive({ tenantId: 'acme' })).toBe(1);
    await until('it is done', () => came.length === 2 && blobs.size === 0);
    expect(came[1]).toEqual(message);
  });

  it('goes with its dead letter in a purge', async () => {
    const blobs = new MemoryBlobs();
    const node = await open({ blobs });
    await consume(node, refuse);
    await node.bus.publish([large()]);
    await untilLetters(node, 1);
    expect(await node.bus.deadLetters.purge({ tenantId: 'acme' })).toBe(1);
    expect(blobs.size).toBe(0);
  });

  it('whose blob is gone is a dead letter that says so, of its tenant, and holds up nobody', async () => {
    const blobs = new MemoryBlobs();
    const node = await open({ blobs });
    await node.bus.publish([large(), onTheBus(createEntity({ messageId: 'behind', at: 1 }))]);
    const [received] = await peek();
    await blobs.remove(String(received?.applicationProperties?.claimCheck));
    const came = await consume(node);
    const [letter] = await untilLetters(node, 1);
    expect(letter).toMatchObject({ messageId: 'large-0', reason: { code: 'BLOB_MISSING' } });
    expect(JSON.parse(letter!.body)).toHaveProperty('claimCheck');
    expect(came.map(({ messageId }) => messageId)).toEqual(['behind']);
    const dead = await node.telemetry.first('message-dead-lettered');
    expect(dead).toMatchObject({ messageId: 'large-0', code: 'BLOB_MISSING' });
  });

  it('waits, in its place, while the blobs do not answer', async () => {
    const kept = new MemoryBlobs();
    let failures = 2;
    const blobs = Object.assign(Object.create(kept), {
      put: kept.put.bind(kept),
      remove: kept.remove.bind(kept),
      get: async (name: string) => {
        if (failures-- > 0) throw new RuntimeError('BLOBS_UNAVAILABLE', 'away');
        return kept.get(name);
      },
    });
    const node = await open({ blobs });
    await node.bus.publish([large(), onTheBus(createEntity({ messageId: 'behind', at: 1 }))]);
    const came = await consume(node);
    await until('both came', () => came.length === 2);
    expect(came.map(({ messageId }) => messageId)).toEqual(['large-0', 'behind']);
    expect(node.telemetry.all('shard-paused').map(({ code }) => code)).toEqual([
      'BLOBS_UNAVAILABLE',
      'BLOBS_UNAVAILABLE',
    ]);
  });

  it('is not sent where the blobs do not take it', async () => {
    const blobs = Object.assign(new MemoryBlobs(), {
      put: () => Promise.reject(new RuntimeError('BLOBS_UNAVAILABLE', 'full')),
    });
    const { bus } = await open({ blobs });
    await expect(bus.publish([large()])).rejects.toMatchObject({ code: 'BLOBS_UNAVAILABLE' });
    expect(await peek()).toEqual([]);
  });

  it('is refused where even the broker’s limit is lower', async () => {
    const { bus } = await open({ limits: { busBodyBytesMax: 10 * 1024 * 1024 } });
    const body = onTheBus(createEntity({ properties: { text: 'x'.repeat(300_000) } }));
    const behind = onTheBus(createEntity({ messageId: 'behind' }));
    const refused = expect(bus.publish([body])).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
    });
    await Promise.all([refused, bus.publish([behind])]);
    expect(await peek()).toHaveLength(1);
  });
});

describe('opening', () => {
  const parts = (connectionString: string) => ({
    access: { connectionString },
    topicName,
    subscriptionName,
    blobs: new MemoryBlobs(),
    clock: systemClock,
    ids: systemIds,
    telemetry: new Recorder(),
    limits: { busAnswerMs: 2_000 },
  });

  it('says all that is missing, at once', async () => {
    await setUp({ session: null, intake: null });
    await expect(open()).rejects.toMatchObject({
      code: 'BUS_REFUSED',
      message: [
        'subscription graph of cognisync-events is missing',
        'subscription graph-intake of cognisync-events is missing',
      ].join('\n'),
    });
    const elsewhere = openServiceBus({ ...parts(broker.connectionString), topicName: 'nowhere' });
    await expect(elsewhere).rejects.toThrow(/^topic nowhere is missing\n/);
  });

  it('wants sessions where shards come, and none where the rest does', async () => {
    await setUp({ session: { requiresSession: false }, intake: { requiresSession: true } });
    await expect(open()).rejects.toMatchObject({
      code: 'BUS_REFUSED',
      message: [
        'subscription graph of cognisync-events must require sessions',
        'subscription graph-intake of cognisync-events must not require sessions',
      ].join('\n'),
    });
  });

  it('wants rules that tell the two apart', async () => {
    await setUp({ session: { rule: '1=1' }, intake: { rule: '1 = 1' } });
    await expect(open()).rejects.toThrow(
      /graph of .* takes everything \(rule rule\): its only rule must be sys.SessionId IS NOT NULL\n.*graph-intake of .* sys.SessionId IS NULL/,
    );
  });

  it('says that nobody answers', async () => {
    await setUp();
    await broker.close();
    await expect(openServiceBus(parts(broker.connectionString))).rejects.toMatchObject({
      code: 'BUS_UNAVAILABLE',
    });
  });

  it.each(['', 'Endpoint=hunter2', 'SharedAccessKey=hunter2'])(
    'refuses the access %j without repeating it',
    async (connectionString) => {
      const refused = openServiceBus(parts(connectionString));
      await expect(refused).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.not.stringMatching('hunter2'),
      });
    },
  );

  it('says that a wrong key may not enter', async () => {
    await setUp();
    const wrong = broker.connectionString.replace(/SharedAccessKey=[^;]+/, 'SharedAccessKey=wrong');
    await expect(openServiceBus(parts(wrong))).rejects.toMatchObject({ code: 'BUS_REFUSED' });
  });
});

describe('an intake without its rule', () => {
  it('is told apart even when the rule is lost while a node runs: nothing goes round', async () => {
    // Duplicate detection would end the circle as well.
    await setUp({ detectsDuplicates: false });
    const node = await open();
    const came = await consume(node);
    const rules = client.createRuleManager(topicName, `${subscriptionName}-intake`);
    await rules.createRule('all', { sqlExpression: '1=1' });
    await node.bus.publish([onTheBus(createEntity({ messageId: 'once' }))]);
    await until('it came', () => came.length === 1);
    await until('the intake is empty', async () => (await peek('graph-intake')).length === 0);
    await node.bus.publish([onTheBus(createEntity({ messageId: 'twice' }))]);
    await until('the next came', () => came.length === 2);
    expect(came.map(({ messageId }) => messageId)).toEqual(['once', 'twice']);
  });
});

function sorted(json: string): unknown {
  return JSON.parse(json);
}
