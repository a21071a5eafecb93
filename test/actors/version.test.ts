import fc from 'fast-check';
import Type from 'typebox';
import { describe, expect, it } from 'vitest';
import type { DomainEvent, RecordedEvent } from '#runtime';
import { recorded } from '#test/events';
import { createEntity } from '#test/messages';
import { contractOf, type OlderVersion } from '../../actors/contract.ts';
import { command } from '../../actors/schema.ts';
import { versionsOf } from '../../actors/version.ts';

/** A made-up event in its third version: a name, then a list of names, then names with their lengths. */
type Named = DomainEvent<'Named', { readonly names: readonly { text: string; chars: number }[] }>;
type Plain = DomainEvent<'Plain', { readonly n: number }>;

const versions = versionsOf<Named | Plain>({
  Named: [
    ({ name }: { name: string }) => ({ names: [name] }),
    ({ names }: { names: readonly string[] }) => ({
      names: names.map((text) => ({ text, chars: text.length })),
    }),
  ],
  Plain: [],
});

function written(type: string, schemaVersion: number, data: unknown): RecordedEvent {
  const event = { type, schemaVersion, data };
  return recorded([{ tenantId: 'acme', kind: 'entity', id: 'e', event }])[0]!;
}

describe('an event', () => {
  const today = { names: [{ text: 'Ada', chars: 3 }] };
  it.each([
    [1, { name: 'Ada' }],
    [2, { names: ['Ada'] }],
    [3, today],
  ])('of version %i is read in the newest, step by step', (schemaVersion, data) => {
    const event = written('Named', schemaVersion, data);
    expect(versions.upcast(event)).toEqual({ ...event, schemaVersion: 3, data: today });
  });

  it('is itself where it is of the newest version', () => {
    const event = written('Named', 3, today);
    expect(versions.upcast(event)).toBe(event);
  });

  it('is left as it was by the steps that it takes', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const event = written('Named', 1, Object.freeze({ name }));
        const before = structuredClone(event);
        expect(versions.upcast(event)).toEqual(versions.upcast(event));
        expect(event).toEqual(before);
      }),
    );
  });

  it.each([
    ['a newer version', 'Named', 4],
    ['a newer version of a type that never had a second', 'Plain', 2],
    ['a version before the first', 'Named', 0],
    ['half a version', 'Named', 1.5],
    ['no number as its version', 'Named', Number.NaN],
    ['a type that is unknown', 'Renamed', 1],
    ['a type like a prototype’s name', 'constructor', 1],
  ])('of %s is refused, and where it stands is said', (_claim, type, schemaVersion) => {
    expect(() => versions.upcast(written(type, schemaVersion, {}))).toThrow(
      expect.objectContaining({
        code: 'EVENT_VERSION_UNKNOWN',
        message: expect.stringContaining(`${type} of entity-acme/e at position 1`),
      }),
    );
  });

  it('is written in the newest version', () => {
    expect(versions.fact('Named', today)).toEqual({ type: 'Named', schemaVersion: 3, data: today });
    expect(versions.newest).toEqual(
      new Map([
        ['Named', 3],
        ['Plain', 1],
      ]),
    );
  });
});

/** A made-up contract in its third version: seconds, then milliseconds, then milliseconds in a wait. */
const wait = (payload: Parameters<typeof Type.Object>[0]) => command('WAIT', Type.Object(payload));
type Sent<Payload> = { readonly payload: Payload };
const older: readonly OlderVersion[] = [
  {
    schema: wait({ seconds: Type.Number() }),
    step: ({ payload, ...rest }: Sent<{ seconds: number }>) => ({
      ...rest,
      payload: { ms: payload.seconds * 1000 },
    }),
  },
  {
    schema: wait({ ms: Type.Integer() }),
    step: ({ payload, ...rest }: Sent<{ ms: number }>) => ({ ...rest, payload: { wait: payload } }),
  },
];
const contract = contractOf(wait({ wait: Type.Object({ ms: Type.Integer() }) }), older);

function sent(payload: unknown, schemaVersion?: unknown) {
  const { messageId, timestamp, tenantId } = createEntity({ messageId: 'w' });
  const said = schemaVersion === undefined ? {} : { schemaVersion };
  return { messageType: 'WAIT', messageId, timestamp, tenantId, payload, ...said };
}

describe('a command', () => {
  const today = { wait: { ms: 2000 } };
  it.each([
    ['of version 1', sent({ seconds: 2 }, 1)],
    ['that says no version, and is therefore of the first,', sent({ seconds: 2 })],
    ['of version 2', sent({ ms: 2000 }, 2)],
    ['of version 3', sent(today, 3)],
  ])('%s is read in the newest', (_claim, body) => {
    const before = structuredClone(body);
    expect(contract.read(body)).toEqual(sent(today, 3));
    expect(body).toEqual(before);
  });

  it.each([
    ['that says a newer version', sent(today, 4), 'MESSAGE_VERSION_UNKNOWN', /newer than 3/],
    ['of another version than it says', sent({ seconds: 2 }, 2), 'MESSAGE_INVALID', /payload.*ms/],
    ['of the newest version that says none', sent(today), 'MESSAGE_INVALID', /seconds/],
    ['of a version before the first', sent({ seconds: 2 }, 0), 'MESSAGE_INVALID', /schemaVersion/],
    ['of half a version', sent({ seconds: 2 }, 1.5), 'MESSAGE_INVALID', /schemaVersion/],
    ['of a version in words', sent({ seconds: 2 }, 'two'), 'MESSAGE_INVALID', /schemaVersion/],
    ['that the next version can not say', sent({ seconds: 0.5e-3 }), 'MESSAGE_INVALID', /ms/],
  ])('%s is refused', (_claim, body, code, message) => {
    expect(() => contract.read(body)).toThrow(
      expect.objectContaining({
        code,
        message: expect.stringMatching(message),
        data: { tenantId: 'acme', messageId: 'w' },
      }),
    );
  });
});
