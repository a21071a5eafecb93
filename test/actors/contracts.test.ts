import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contracts, publicContracts } from '#actors';
import { errorCatalogue, limits, RuntimeError } from '#runtime';
import {
  createEntity,
  deleteEntity,
  linkEntities,
  setEndPresence,
  unlinkEntities,
  updateEntity,
} from '#test/messages';

const good = [
  createEntity(),
  updateEntity({ properties: { nested: { list: [1, null, 'ü'] } } }),
  deleteEntity(),
  linkEntities({ strength: 0 }),
  unlinkEntities(),
  setEndPresence(),
];

/** A good message with one field set to something else; `undefined` takes it away. */
function broken(path: string, value: unknown): string {
  const message = structuredClone(createEntity()) as Record<string, unknown>;
  const names = path.split('.');
  let at = message;
  for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>;
  at[names.at(-1)!] = value;
  return JSON.stringify(message);
}

describe('a contract', () => {
  it.each(good.map((message) => [message.messageType, message] as const))(
    'takes a good %s as it is, as text and as bytes',
    (_type, message) => {
      const body = JSON.stringify(message);
      expect(contracts.read(body).envelope).toEqual(message);
      expect(contracts.read(new TextEncoder().encode(body)).envelope).toEqual(message);
    },
  );

  it('addresses a message to its entity or relationship, within its tenant', () => {
    const at = (message: unknown) => contracts.read(JSON.stringify(message)).address;
    expect(at(createEntity({ tenantId: 'acme', id: 'a/b:c' }))).toEqual({
      tenantId: 'acme',
      kind: 'entity',
      id: 'a/b:c',
    });
    expect(at(setEndPresence({ tenantId: 'beta', id: 'l' }))).toEqual({
      tenantId: 'beta',
      kind: 'relationship',
      id: 'l',
    });
  });

  it('tolerates fields that it does not know, as a producer may be newer', () => {
    expect(() => contracts.read(broken('payload.metadata.shade', 'blue'))).not.toThrow();
  });

  const deep = Array.from({ length: limits.jsonDepthMax + 2 }).reduce((inner) => [inner], 1);
  const many = Object.fromEntries(
    Array.from({ length: limits.propertiesMax + 1 }, (_, index) => [`p${index}`, index]),
  );
  const bad: readonly [string, string | Uint8Array, string, RegExp][] = [
    ['no JSON', '{"messageType": ', 'MESSAGE_NOT_JSON', /not JSON/],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'MESSAGE_NOT_JSON', /not JSON/],
    ['nothing', '', 'MESSAGE_NOT_JSON', /not JSON/],
    ['no object', '[1]', 'MESSAGE_INVALID', /object/],
    ['null', 'null', 'MESSAGE_INVALID', /object/],
    ['no type', broken('messageType', undefined), 'MESSAGE_TYPE_UNKNOWN', /no contract/],
    ['an unknown type', broken('messageType', 'DROP'), 'MESSAGE_TYPE_UNKNOWN', /'DROP'/],
    [
      'a type like a prototype’s name',
      broken('messageType', 'constructor'),
      'MESSAGE_TYPE_UNKNOWN',
      /constructor/,
    ],
    ['a newer version', broken('schemaVersion', 2), 'MESSAGE_VERSION_UNKNOWN', /newer/],
    ['a version that is none', broken('schemaVersion', '1'), 'MESSAGE_INVALID', /schemaVersion/],
    ['no tenant', broken('tenantId', undefined), 'MESSAGE_INVALID', /tenantId/],
    ['a tenant with a separator', broken('tenantId', 'a/b'), 'MESSAGE_INVALID', /tenantId/],
    ['a wrong type', broken('payload.entityId', 7), 'MESSAGE_INVALID', /payload\/entityId/],
    ['an empty id', broken('payload.entityId', ''), 'MESSAGE_INVALID', /entityId/],
    ['a huge id', broken('payload.entityId', 'x'.repeat(513)), 'MESSAGE_INVALID', /entityId/],
    [
      'a control character in an id',
      broken('payload.entityId', 'a\nb'),
      'MESSAGE_INVALID',
      /entityId/,
    ],
    [
      'an unknown entity type',
      broken('payload.entityType', 'TEAM'),
      'MESSAGE_INVALID',
      /entityType/,
    ],
    [
      'a date that is no date',
      broken('payload.metadata.extractedAt', 'yesterday'),
      'MESSAGE_INVALID',
      /extractedAt/,
    ],
    [
      '30 February',
      broken('payload.metadata.extractedAt', '2026-02-30T00:00:00Z'),
      'MESSAGE_INVALID',
      /extractedAt/,
    ],
    ['hour 25', broken('timestamp', '2026-02-20T25:00:00Z'), 'MESSAGE_INVALID', /timestamp/],
    [
      'a date without a zone',
      broken('timestamp', '2026-02-20T05:00:00'),
      'MESSAGE_INVALID',
      /timestamp/,
    ],
    ['too many properties', broken('payload.properties', many), 'MESSAGE_INVALID', /properties/],
    ['deep nesting', broken('payload.properties', { deep }), 'MESSAGE_INVALID', /nested deeper/],
    ['a NUL byte', broken('payload.properties', { a: 'x\u0000y' }), 'MESSAGE_INVALID', /NUL/],
    [
      'a NUL byte in a name',
      broken('payload.properties', { 'x\u0000': 1 }),
      'MESSAGE_INVALID',
      /NUL/,
    ],
    [
      'half a surrogate pair',
      broken('payload.properties', { a: '\ud800' }),
      'MESSAGE_INVALID',
      /surrogate/,
    ],
    [
      'a __proto__ key',
      JSON.stringify(createEntity({ properties: { a: 0 } })).replace('"a"', '"__proto__"'),
      'MESSAGE_INVALID',
      /__proto__/,
    ],
    ['too many bytes', ' '.repeat(limits.messageBytesMax + 1), 'MESSAGE_TOO_LARGE', /bytes/],
  ];
  it.each(bad)('refuses %s and names the fault', (_claim, body, code, detail) => {
    expect(() => contracts.read(body)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(detail) }),
    );
  });

  it('says of whom a refused message was, where that can be read', () => {
    const body = JSON.stringify({ ...createEntity({ messageId: 'm' }), payload: {} });
    expect(() => contracts.read(body)).toThrow(
      expect.objectContaining({ data: { tenantId: 'acme', messageId: 'm' } }),
    );
  });

  it('answers any bytes with a message or an error of the catalogue', () => {
    const mutated = fc
      .tuple(fc.constantFrom(...good), fc.json(), fc.nat())
      .map(([message, json, at]) => {
        const text = JSON.stringify(message);
        const cut = at % text.length;
        return text.slice(0, cut) + json + text.slice(cut + (at % 7));
      });
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), mutated, fc.uint8Array()), (body) => {
        try {
          expect(contracts.read(body).address.tenantId).toMatch(/^[\w.-]+$/);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(RuntimeError);
          expect(errorCatalogue[(thrown as RuntimeError).code].kind).toBe('terminal');
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps what is internal out of what others may send', () => {
    expect(Object.keys(publicContracts)).not.toContain('SET_END_PRESENCE');
  });
});
