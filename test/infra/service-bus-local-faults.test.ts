/** The local Service Bus and clients that err, lie, exceed and vanish: each is told, nobody else suffers. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ServiceBusClient } from '@azure/service-bus';
import fc from 'fast-check';
import rhea from 'rhea';
import { afterEach, describe, expect, it } from 'vitest';
import { Transfers } from '../../infra/service-bus-local/amqp/transfers.ts';
import { outcomeOf, RawClient, tokenFor } from '../support/amqp.ts';
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
import { until } from '../support/until.ts';

let broker: RunningBroker;

const all: BrokerSetting = {
  queues: [queue('orders'), queue('shards', { requiresSession: true })],
  topics: [topic('news', [subscription('mine')])],
};

async function begin(setting: BrokerSetting = all): Promise<void> {
  broker = await startBroker(setting);
}
afterEach(() => broker.stop());

/** A round trip by a well-behaved client. */
async function expectService(): Promise<void> {
  const client = broker.client();
  await client.createSender('orders').sendMessages({ body: 'still here' });
  const receiver = client.createReceiver('orders', { receiveMode: 'receiveAndDelete' });
  expect(bodies(await receive(receiver, 1))).toEqual(['still here']);
}

describe('a client that is told why', () => {
  it('asks for an entity that is not there', async () => {
    await begin();
    const notFound = { code: 'MessagingEntityNotFound' };
    const client = broker.client();
    await expect(client.createSender('nowhere').sendMessages({ body: 1 })).rejects.toMatchObject(
      notFound,
    );
    const options = { maxWaitTimeInMs: 100 };
    for (const receiver of [
      client.createReceiver('nowhere'),
      client.createReceiver('news', 'yours'),
    ]) {
      await expect(receiver.receiveMessages(1, options)).rejects.toMatchObject(notFound);
      await expect(receiver.peekMessages(1)).rejects.toMatchObject(notFound);
    }
    await expect(client.acceptSession('nowhere', 's')).rejects.toMatchObject(notFound);
  });

  it('has the wrong key, or a token that has expired', async () => {
    await begin();
    const wrong = broker.connectionString.replace('SAS_KEY_VALUE', 'something-else');
    const client = new ServiceBusClient(wrong, impatient);
    await expect(client.createSender('orders').sendMessages({ body: 1 })).rejects.toMatchObject({
      code: 'UnauthorizedAccess',
    });
    await client.close();
    const raw = await RawClient.connect(broker.port);
    const audience = 'sb://127.0.0.1/orders';
    const tokens = [
      tokenFor(audience, { expiresInS: -1 }),
      'SharedAccessSignature sr=%zz',
      'x',
      '',
    ];
    for (const token of tokens) {
      expect(await raw.putToken('orders', token)).toMatchObject({ status: 401 });
    }
    expect(await raw.refusal('send', { target: { address: 'orders' } })).toBe(
      'amqp:unauthorized-access',
    );
    raw.close();
  });

  it('attaches where nothing is, or the wrong way round', async () => {
    await begin();
    const raw = await RawClient.authorised(broker.port, 'orders');
    const cases = [
      ['send', { target: { address: 'nowhere' } }, 'amqp:not-found'],
      ['send', { target: { address: '' } }, 'amqp:not-found'],
      ['send', { target: {} }, 'amqp:not-found'],
      ['send', { target: { address: 'orders/$DeadLetterQueue' } }, 'amqp:not-allowed'],
      ['send', { target: { address: 'news/Subscriptions/mine' } }, 'amqp:not-allowed'],
      ['receive', { source: { address: '__proto__' } }, 'amqp:not-found'],
      ['receive', { source: { address: 'news' } }, 'amqp:not-allowed'],
      ['receive', { source: { address: 'shards' } }, 'amqp:not-allowed'],
      ['receive', { source: { address: 'x'.repeat(10_000) } }, 'amqp:not-found'],
    ] as const;
    for (const [role, options, condition] of cases) {
      expect(await raw.refusal(role, options)).toBe(condition);
    }
    raw.close();
    await expectService();
  });

  it('sends more than a message may be; the same link goes on', async () => {
    await begin();
    const client = broker.client();
    const sender = client.createSender('orders');
    const batch = await sender.createMessageBatch();
    expect(batch.maxSizeInBytes).toBe(256 * 1024);
    expect(batch.tryAddMessage({ body: 'x'.repeat(256 * 1024) })).toBe(false);
    await expect(sender.sendMessages({ body: 'x'.repeat(300_000) })).rejects.toMatchObject({
      code: 'MessageSizeExceeded',
    });
    await expect(
      sender.scheduleMessages({ body: 'x'.repeat(300_000) }, new Date()),
    ).rejects.toMatchObject({ code: 'MessageSizeExceeded' });
    const largest = 'x'.repeat(256 * 1024 - 200);
    await sender.sendMessages({ body: largest });
    expect(bodies(await receive(client.createReceiver('orders'), 1))).toEqual([largest]);
  });

  it('sends more than a queue may hold, until something is taken', async () => {
    const setting = { queues: [queue('orders')], bounds: { entityBytesMax: 3_000 } };
    await begin(setting);
    const client = broker.client();
    const sender = client.createSender('orders');
    await sender.sendMessages({ body: 'x'.repeat(2_000) });
    const full = { code: 'QuotaExceeded' };
    await expect(sender.sendMessages({ body: 'x'.repeat(2_000) })).rejects.toMatchObject(full);
    await expect(
      sender.scheduleMessages({ body: 'x'.repeat(2_000) }, new Date(Date.now() + 60_000)),
    ).rejects.toMatchObject(full);
    const receiver = client.createReceiver('orders');
    const [message] = await receive(receiver, 1);
    // Dead letters count, and are never refused.
    await receiver.deadLetterMessage(message!);
    await expect(sender.sendMessages({ body: 'x'.repeat(2_000) })).rejects.toMatchObject(full);
    const letters = client.createReceiver('orders', { subQueueType: 'deadLetter' });
    await letters.completeMessage((await receive(letters, 1))[0]!);
    await sender.sendMessages({ body: 'x'.repeat(2_000) });
  });

  it('keeps more state with a session than it may', async () => {
    await begin({ ...all, bounds: { messageBytesMax: 1_000, entityBytesMax: 1_500 } });
    const client = broker.client();
    const one = await client.acceptSession('shards', 'one');
    await expect(one.setSessionState('x'.repeat(1_000))).rejects.toMatchObject({
      code: 'MessageSizeExceeded',
    });
    await one.setSessionState('x'.repeat(900));
    const other = await client.acceptSession('shards', 'other');
    await expect(other.setSessionState('x'.repeat(900))).rejects.toMatchObject({
      code: 'QuotaExceeded',
    });
  });

  it('makes a message larger by its properties than it may be', async () => {
    const clock = new ManualClock(Date.now());
    const bounds = { messageBytesMax: 2_000, alteredBytesMax: 500 };
    await begin({ queues: [queue('orders', { deliveriesMax: 2 })], bounds, clock });
    const client = broker.client();
    await client.createSender('orders').sendMessages({ body: 'x'.repeat(1_500) });
    const receiver = client.createReceiver('orders');
    const tooLarge = { code: 'MessageSizeExceeded' };
    const [first] = await receive(receiver, 1);
    const abandoning = receiver.abandonMessage(first!, { long: 'y'.repeat(2_000) });
    await expect(abandoning).rejects.toMatchObject(tooLarge);
    await clock.advance(60_000);
    const [second] = await receive(receiver, 1);
    const burying = receiver.deadLetterMessage(second!, {
      deadLetterReason: 'z'.repeat(2_000),
      deadLetterErrorDescription: '',
    });
    await expect(burying).rejects.toMatchObject(tooLarge);
    await clock.advance(60_000);
    const letters = client.createReceiver('orders', { subQueueType: 'deadLetter' });
    expect(await receive(letters, 1)).toMatchObject([
      { deadLetterReason: 'MaxDeliveryCountExceeded' },
    ]);
  });

  it('sends more ids than duplicate detection remembers', async () => {
    const clock = new ManualClock(Date.now());
    const orders = queue('orders', { duplicateWindowMs: 60_000 });
    await begin({ queues: [orders], bounds: { duplicatesMax: 3 }, clock });
    const sender = broker.client().createSender('orders');
    await sender.sendMessages([
      { body: 1, messageId: 'a' },
      { body: 2, messageId: 'b' },
    ]);
    await expect(sender.sendMessages({ body: 3, messageId: 'c' })).rejects.toMatchObject({
      code: 'ServiceBusy',
    });
    await clock.advance(60_000);
    await sender.sendMessages({ body: 3, messageId: 'c' });
  });

  it('names ids that are too long', async () => {
    await begin();
    const raw = await RawClient.authorised(broker.port, 'orders');
    const sender = await raw.send('orders');
    for (const long of [{ message_id: 'x'.repeat(129) }, { group_id: 'x'.repeat(129) }]) {
      const payload = rhea.message.encode({ ...long, body: 1 }) as unknown as Buffer;
      expect(await outcomeOf(sender, payload)).toBe('com.microsoft:argument-error');
    }
    raw.close();
  });

  it('opens more connections, AMQP sessions or links than it may', async () => {
    await begin({ ...all, bounds: { connectionsMax: 2, channelsMax: 4, linksMax: 4 } });
    const one = await RawClient.authorised(broker.port, 'orders');
    await one.send('orders');
    await one.send('orders');
    expect(await one.refusal('send', { target: { address: 'orders' } })).toBe(
      'amqp:resource-limit-exceeded',
    );
    const [event] = await once(one.newSession(), 'session_error');
    expect(event.session.error).toMatchObject({ condition: 'amqp:resource-limit-exceeded' });
    await RawClient.connect(broker.port);
    const { connection } = await RawClient.connect(broker.port);
    await until('it is told why', () => connection.error);
    expect(connection.error).toMatchObject({ condition: 'amqp:resource-limit-exceeded' });
    one.close();
  });

  it('asks management for what it does not know, or with nonsense', async () => {
    await begin();
    const raw = await RawClient.authorised(broker.port, 'orders');
    expect(await raw.manage('orders', 'com.microsoft:fly', {})).toMatchObject({
      status: 501,
      condition: 'amqp:not-implemented',
    });
    expect(await raw.manage('news', 'com.microsoft:peek-message', {})).toMatchObject({
      status: 400,
    });
    expect(await raw.manage('orders', 'com.microsoft:add-rule', {})).toMatchObject({ status: 400 });
    raw.close();
  });
});

describe('bytes that mean nothing', () => {
  it('in a message are refused, and the link goes on; nothing of them is kept', async () => {
    await begin();
    const raw = await RawClient.authorised(broker.port, 'orders');
    const sender = await raw.send('orders');
    const good = rhea.message.encode({ body: 1 }) as unknown as Buffer;
    const nulls = Buffer.from('00537445005377f000000006ffffffff40', 'hex');
    const bad = [
      Buffer.from('garbage'),
      good.subarray(0, good.length - 1),
      Buffer.concat([good, Buffer.from([0])]),
      Buffer.from('005374a10161', 'hex'),
      nulls,
      Buffer.from(`005377${'c00301'.repeat(40)}40`, 'hex'),
    ];
    for (const payload of bad) {
      expect(await outcomeOf(sender, payload)).toBe('amqp:decode-error');
      expect(await outcomeOf(sender, payload, 0x80013700)).toBe('amqp:decode-error');
    }
    expect(await outcomeOf(sender, good, 0x80013700)).toBe('amqp:decode-error');
    expect(await outcomeOf(sender, good)).toBe('accepted');
    const receiver = broker.client().createReceiver('orders');
    expect(await receiver.peekMessages(10)).toHaveLength(1);
    raw.close();
  });

  it('in a message of too many frames are not kept, and the link goes on', async () => {
    await begin();
    const raw = await RawClient.authorised(broker.port, 'orders');
    const sender = await raw.send('orders');
    const tooLarge = 'amqp:link:message-size-exceeded';
    expect(await outcomeOf(sender, Buffer.alloc(10_000_000))).toBe(tooLarge);
    const good = rhea.message.encode({ body: 1 }) as unknown as Buffer;
    expect(await outcomeOf(sender, good)).toBe('accepted');
    raw.close();
    const link = { local: { attach: {} }, on: () => undefined };
    const transfers = new Transfers(link as never, 100, () => undefined);
    const kept = [60, 40, 1, 60].map((length) => {
      const frame = { performative: {} as never, payload: Buffer.alloc(length) };
      transfers.look(frame);
      return frame.payload.length;
    });
    expect(kept).toEqual([60, 40, 0, 0]);
  });

  it('for AMQP end their connection, whatever they are, and no other', async () => {
    await begin();
    const header = Buffer.from('AMQP\0\x01\0\0');
    const openings = [
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      Buffer.from('AMQP\0\0\x09\x01'),
      Buffer.concat([header, Buffer.from('ffffffff02000000', 'hex')]),
      Buffer.concat([header, Buffer.from('0000000802000000', 'hex'), Buffer.alloc(100, 7)]),
      // A begin, an attach, a transfer for what was never opened.
      Buffer.concat([header, Buffer.from('0000001002000001005314c003014340', 'hex')]),
    ];
    for (const opening of openings) await ended(opening);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (noise) => {
        await ended(Buffer.concat([header, sized(Buffer.from(noise))]));
      }),
      { numRuns: 100 },
    );
    await expectService();
  });

  it('as arguments of management are answered, and trouble nobody', async () => {
    await begin();
    const raw = await RawClient.authorised(broker.port, 'orders');
    const operations = [
      'peek-message',
      'renew-lock',
      'update-disposition',
      'receive-by-sequence-number',
      'schedule-message',
      'cancel-scheduled-message',
      'renew-session-lock',
      'set-session-state',
      'get-session-state',
      'add-rule',
      'remove-rule',
      'enumerate-rules',
    ];
    const names = [
      ...['from-sequence-number', 'message-count', 'session-id', 'lock-tokens', 'session-state'],
      ...[
        'disposition-status',
        'sequence-numbers',
        'receiver-settle-mode',
        'messages',
        'rule-name',
      ],
      ...['rule-description', 'skip', 'top', 'properties-to-modify', '__proto__'],
    ];
    const value = fc.oneof(
      fc.integer({ min: -3, max: 1_000 }),
      fc.constantFrom('completed', 'suspended', 'x', '', null, true, 2 ** 40, -0.5),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      fc.array(
        fc.oneof(
          fc.integer(),
          fc.constant(Buffer.alloc(16)),
          fc.constant({ message: Buffer.from('00', 'hex') }),
        ),
        { maxLength: 3 },
      ),
      fc.constant({
        'sql-filter': { expression: '1=' },
        'correlation-filter': { properties: { a: 1 } },
      }),
    );
    const body = fc.oneof(fc.dictionary(fc.constantFrom(...names), value), value);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          'orders',
          'shards',
          'news',
          'news/Subscriptions/mine',
          'orders/$DeadLetterQueue',
        ),
        fc.constantFrom(...operations),
        body,
        async (entity, operation, arguments_) => {
          const answer = await raw.manage(entity, `com.microsoft:${operation}`, arguments_);
          expect(answer.status).toBeGreaterThanOrEqual(200);
        },
      ),
      { numRuns: 300 },
    );
    raw.close();
  });

  /** Resolves when the broker has ended the connection, or taken everything and waits for more. */
  async function ended(bytes: Buffer): Promise<void> {
    const socket: Socket = connect(broker.port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    socket.end(bytes);
    await closed;
  }

  /** As the body of one frame. */
  function sized(body: Buffer): Buffer {
    const size = Buffer.alloc(8);
    size.writeUInt32BE(body.length + 8);
    size[4] = 2;
    return Buffer.concat([size, body]);
  }
});

describe('a client that vanishes', () => {
  it('gives back its sessions at once, and its place in the line', async () => {
    await begin();
    const client = broker.client();
    const raw = await RawClient.authorised(broker.port, 'shards');
    const filter = { 'com.microsoft:session-filter': 'a' };
    const held = raw.connection.open_receiver({
      source: { address: 'shards', filter },
      credit_window: 0,
    });
    await once(held, 'receiver_open');
    // This one waits for any; when the answer to the next request is there, it surely does.
    raw.connection.open_receiver({
      source: { address: 'shards', filter: { 'com.microsoft:session-filter': null } },
      credit_window: 0,
    });
    await raw.manage('shards', 'com.microsoft:get-session-state', { 'session-id': 'a' });
    await client.createSender('shards').sendMessages({ body: 1, sessionId: 'a' });
    raw.vanish();
    const session = await client.acceptNextSession('shards');
    expect(session.sessionId).toBe('a');
    expect(bodies(await receive(session, 1))).toEqual([1]);
  });

  it('keeps its locks until their time', async () => {
    const clock = new ManualClock(Date.now());
    await begin({ queues: [queue('orders')], clock });
    const client = broker.client();
    await client.createSender('orders').sendMessages({ body: 1 });
    const raw = await RawClient.authorised(broker.port, 'orders');
    const receiver = raw.connection.open_receiver({
      source: { address: 'orders' },
      autoaccept: false,
    });
    await once(receiver, 'message');
    raw.vanish();
    const other = client.createReceiver('orders');
    expect(await isEmpty(other)).toBe(true);
    await clock.advance(60_000);
    expect(await receive(other, 1)).toMatchObject([{ body: 1, deliveryCount: 1 }]);
  });

  it('in the middle of a message, or after taking it back, leaves nothing of it', async () => {
    await begin();
    const { createRequire } = await import('node:module');
    const frames = createRequire(import.meta.url)('rhea/lib/frames.js');
    const raw = await RawClient.authorised(broker.port, 'orders');
    const sender = await raw.send('orders');
    const inside = sender as unknown as {
      session: {
        output(frame: unknown, payload?: Buffer): void;
        outgoing: { next_delivery_id: number };
      };
      local: { handle: number };
    };
    const good = rhea.message.encode({ body: 'half' }) as unknown as Buffer;
    const transfer = (fields: object, payload?: Buffer) => {
      const { handle } = inside.local;
      inside.session.output(frames.transfer({ handle, ...fields }), payload);
    };
    const first = { delivery_id: 0, delivery_tag: Buffer.from('t'), message_format: 0 };
    transfer({ ...first, more: true }, good);
    transfer({ aborted: true });
    transfer({ ...first, delivery_id: 1, more: true }, good.subarray(0, 5));
    await raw.manage('orders', 'com.microsoft:peek-message', {});
    raw.vanish();
    const receiver = broker.client().createReceiver('orders');
    await until('nothing is there', async () => (await receiver.peekMessages(10)).length === 0);
    await expectService();
  });
});
