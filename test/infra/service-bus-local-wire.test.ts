/** Encoded messages that are split, stamped and changed without being decoded, against rhea's own codec. */
import fc from 'fast-check';
import rhea, { type Message } from 'rhea';
import { describe, expect, it } from 'vitest';
import { deliveryTag, lockUuid, tokenOf } from '../../infra/service-bus-local/amqp/lock-token.ts';
import { Refusal } from '../../infra/service-bus-local/core/refusal.ts';
import {
  enveloped,
  unbatched,
  withMessageId,
  withProperties,
} from '../../infra/service-bus-local/wire/envelope.ts';
import { Letter } from '../../infra/service-bus-local/wire/letter.ts';
import { sectionsOf } from '../../infra/service-bus-local/wire/sections.ts';

const encode = (message: Message) => rhea.message.encode(message) as unknown as Buffer;
const decode = (bytes: Buffer) =>
  rhea.message.decode(bytes) as unknown as Message & Record<string, unknown>;

const text = fc.string({ unit: 'grapheme', maxLength: 300 });
const number = fc.integer({ min: 0, max: 2 ** 40 });
const value = fc.oneof(
  text,
  number,
  fc.boolean(),
  fc.constant(null),
  fc.double({ noNaN: true, min: -1e9, max: 1e9 }).map((part) => part + 0),
);
const values = fc.dictionary(fc.stringMatching(/^[a-z-]{1,20}$/), value, { maxKeys: 5 });
const message = fc
  .record(
    {
      durable: fc.boolean(),
      priority: fc.integer({ min: 0, max: 255 }),
      ttl: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      message_annotations: values,
      message_id: text,
      group_id: text,
      subject: text,
      to: text,
      correlation_id: text,
      content_type: fc.constantFrom('text/plain', 'application/json'),
      application_properties: values,
      footer: values,
    },
    { requiredKeys: [] },
  )
  .chain((fields) =>
    fc
      .oneof(
        fc
          .uint8Array({ maxLength: 400 })
          .map((bytes) => rhea.message.data_section(Buffer.from(bytes) as never)),
        fc
          .array(fc.integer({ min: 0, max: 9 }), { minLength: 1 })
          .map((list) => rhea.message.sequence_section(list as never)),
        text,
      )
      .map((body) => ({ ...fields, body }) as unknown as Message),
  );

const stamp = {
  sequence: 2 ** 33 + 7,
  enqueuedAt: 1_790_000_000_123,
  deliveryCount: 3,
  lockedUntil: 1_790_000_060_456,
};

describe('an envelope', () => {
  it('says what the broker knows, and all else as its sender said it', () => {
    fc.assert(
      fc.property(message, (sent) => {
        const stored = encode(sent);
        const got = decode(enveloped(stored, stamp));
        const before = decode(stored) as Record<string, unknown>;
        expect(got).toEqual({
          ...before,
          durable: before.durable ?? false,
          first_acquirer: false,
          delivery_count: 3,
          message_annotations: {
            ...(before.message_annotations as object),
            'x-opt-enqueued-time': new Date(stamp.enqueuedAt),
            'x-opt-sequence-number': stamp.sequence,
            'x-opt-locked-until': new Date(stamp.lockedUntil),
          },
        });
      }),
      { numRuns: 500 },
    );
  });

  it('is right of the sender where both say something', () => {
    const stored = encode({
      body: 1,
      message_annotations: { 'x-opt-sequence-number': 1, mine: 2 },
    });
    const { message_annotations } = decode(enveloped(stored, stamp));
    expect(message_annotations).toMatchObject({ 'x-opt-sequence-number': stamp.sequence, mine: 2 });
  });

  it('has the state of one that is only looked at, and no lock', () => {
    const looked = { ...stamp, lockedUntil: null, state: 'deferred' as const };
    const { message_annotations = {} } = decode(enveloped(encode({ body: 1 }), looked));
    expect(message_annotations['x-opt-message-state']).toBe(1);
    expect(message_annotations).not.toHaveProperty('x-opt-locked-until');
  });
});

describe('a letter', () => {
  it('reads what routing needs', () => {
    fc.assert(
      fc.property(message, (sent) => {
        const letter = new Letter(encode(sent));
        expect(letter.messageId).toBe(sent.message_id ?? null);
        expect(letter.sessionId).toBe(sent.group_id ?? null);
        expect(letter.timeToLiveMs).toBe(sent.ttl ?? null);
        expect(letter.system('label')).toBe(sent.subject);
        for (const [name, each] of Object.entries(sent.application_properties ?? {})) {
          expect(letter.user(name)).toBe(each ?? undefined);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('reads ids that are no texts, and the time that a sender set', () => {
    const at = new Date(1_790_000_000_000);
    const annotations = { 'x-opt-scheduled-enqueue-time': at };
    const letter = new Letter(
      encode({ body: 1, message_id: 7, message_annotations: annotations } as never),
    );
    expect(letter.messageId).toBe('7');
    expect(letter.scheduledAt).toBe(at.getTime());
    const uuid = Buffer.alloc(16, 0xab);
    expect(new Letter(encode({ body: 1, message_id: uuid as never })).messageId).toBe(
      'ab'.repeat(16),
    );
  });
});

describe('changes', () => {
  it('add and replace application properties, and touch nothing else', () => {
    fc.assert(
      fc.property(message, values, (sent, changes) => {
        const stored = encode(sent);
        const before = decode(stored);
        const got = decode(withProperties(stored, changes));
        const properties = { ...before.application_properties, ...changes };
        const isAny = Object.keys(properties).length > 0 || before.application_properties;
        expect({ ...got }).toEqual({
          ...before,
          ...(isAny && { application_properties: properties }),
        });
      }),
      { numRuns: 300 },
    );
  });

  it('give an id', () => {
    fc.assert(
      fc.property(message, (sent) => {
        const stored = encode(sent);
        const got = decode(withMessageId(stored, 'new'));
        expect({ ...got }).toEqual({ ...decode(stored), message_id: 'new' });
      }),
      { numRuns: 200 },
    );
  });
});

it('a batch is its messages', () => {
  const messages = [encode({ body: 1 }), encode({ body: 'x'.repeat(1_000) })];
  const batch = encode({ body: rhea.message.data_sections(messages as never) });
  expect(unbatched(batch)).toEqual(messages);
});

it('a header that says what no header can say says nothing by it', () => {
  const signed = encode({ priority: 128, ttl: 2 ** 31, body: 1 });
  // From ubyte to byte, and from uint to int.
  signed[signed.indexOf(Buffer.from([0x50, 128]))] = 0x51;
  signed[signed.indexOf(Buffer.from([0x70, 0x80, 0, 0, 0]))] = 0x71;
  const got = decode(enveloped(signed, stamp));
  expect({ priority: got.priority, ttl: got.ttl }).toEqual({ priority: undefined, ttl: undefined });
  expect(new Letter(signed).timeToLiveMs).toBeNull();
});

describe('bytes', () => {
  it('that are no message are refused, never worse', () => {
    const check = (bytes: Buffer) => {
      try {
        for (const { to } of sectionsOf(bytes)) expect(to).toBeLessThanOrEqual(bytes.length);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(Refusal);
        return;
      }
      // What is let through, everybody can decode.
      new Letter(bytes);
      decode(enveloped(bytes, stamp));
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => check(Buffer.from(noise))),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(
        message,
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }),
        (sent, hits) => {
          const bytes = encode(sent);
          for (const [at, byte] of hits) bytes[at % bytes.length] = byte;
          check(bytes);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

it('a lock is known by its tag and its UUID, that of another broker by neither', () => {
  for (const token of [1, 255, 2 ** 32, 2 ** 50]) {
    expect(tokenOf(lockUuid(token))).toBe(token);
    const tag = deliveryTag(token);
    const asShown = Buffer.from(
      [3, 2, 1, 0, 5, 4, 7, 6, ...Array.from({ length: 8 }, (_, n) => n + 8)].map((at) => tag[at]!),
    );
    expect(asShown).toEqual(lockUuid(token));
  }
  for (const other of [Buffer.alloc(16), Buffer.alloc(15), 'x', null])
    expect(tokenOf(other)).toBe(0);
});
