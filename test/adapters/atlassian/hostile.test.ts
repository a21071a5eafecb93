/**
 * Whatever is sent: messages that pass their contracts, or an error of the catalogue that says that the
 * delivery is at fault. Never another exception, never a message that an actor would refuse.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RuntimeError } from '#runtime';
import { confluence, jira, read, samples, webhookFixtures } from './delivered.ts';

const refusals = new Set(['WEBHOOK_INVALID', 'MESSAGE_NOT_JSON', 'MESSAGE_TOO_LARGE']);

const real = [
  ...samples().map(({ connection, event, body }) => ({ product: connection, event, body })),
  ...webhookFixtures().map(({ product, event, body }) => ({
    product,
    event,
    body: JSON.parse(new TextDecoder().decode(body)) as unknown,
  })),
];

const events = [...new Set(real.map(({ event, body }) => event ?? nameIn(body)))];

function nameIn(body: unknown): string {
  return String((body as { webhookEvent?: unknown }).webhookEvent);
}

/** Reads and checks (`read` holds every message to its contract); true where it was taken. */
function survives(product: 'jira' | 'confluence', body: unknown, event?: string): boolean {
  try {
    read(product === 'jira' ? jira : confluence, body, event === undefined ? {} : { event });
    return true;
  } catch (thrown) {
    if (thrown instanceof RuntimeError && refusals.has(thrown.code)) return false;
    throw thrown;
  }
}

const nasty = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    'unknown',
    '\u0000',
    '\ud800',
    '__proto__',
    'toString',
    'x'.repeat(600),
    [],
    {},
    -1,
    0,
    1e300,
    2 ** 60,
    true,
    'https://[bad',
    'javascript:alert(1)',
    { id: { id: 1 } },
    [[[]]],
    'comment',
    'app',
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary' }),
);

/** A body with some of its values replaced or left out, or lists where objects were. */
function mutated(body: unknown, choose: () => number, replacement: () => unknown): unknown {
  const roll = choose();
  if (roll < 3) return replacement();
  if (Array.isArray(body)) {
    const items = body.map((item) => mutated(item, choose, replacement));
    return roll < 5 ? [...items, ...items] : items;
  }
  if (typeof body !== 'object' || body === null) return body;
  return Object.fromEntries(
    Object.entries(body).flatMap(([name, value]) =>
      choose() < 2 ? [] : [[name, mutated(value, choose, replacement)]],
    ),
  );
}

describe('a hostile delivery', () => {
  test('of a real body with values broken is read or refused', () => {
    let taken = 0;
    let runs = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...real),
        fc.infiniteStream(fc.nat({ max: 99 })),
        fc.infiniteStream(nasty),
        ({ product, event, body }, choices, values) => {
          const broken = mutated(
            body,
            () => choices.next().value!,
            () => values.next().value,
          );
          runs += 1;
          if (survives(product, broken, event)) taken += 1;
        },
      ),
      { numRuns: 1500 },
    );
    // The test would say nothing if all were taken, or none.
    expect(taken).toBeGreaterThan(runs / 4);
    expect(taken).toBeLessThan(runs);
  });

  test('of any JSON under any event is read or refused', () => {
    const names = [
      'issue',
      'comment',
      'page',
      'attachment',
      'issueLink',
      'project',
      'user',
      'space',
    ];
    const body = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom(...names, 'fields', 'id', 'timestamp'), nasty),
    );
    fc.assert(
      fc.property(
        fc.constantFrom('jira' as const, 'confluence' as const),
        fc.constantFrom(...events),
        body,
        (product, event, value) => {
          survives(product, value, event);
        },
      ),
      { numRuns: 1500 },
    );
  });

  test('of any bytes is read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        survives('jira', body);
      }),
      { numRuns: 500 },
    );
  });

  test('cut off anywhere is refused, whole it is read', () => {
    const whole = new TextEncoder().encode(JSON.stringify(real[5]!.body));
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), (length) => {
        expect(survives('jira', whole.slice(0, length))).toBe(false);
      }),
      { numRuns: 200 },
    );
    expect(survives('jira', whole)).toBe(true);
  });
});
