import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { setup } from 'xstate';
import { addressOf, backoffMs, categoryOf, RuntimeError, stepsOf, streamOf } from '#runtime';
import { applied, atPosition, failed, rateAt } from '../../runtime/core/catch-up.ts';
import { type Linked, Recency } from '../../runtime/core/recency.ts';

describe('backoff', () => {
  const backoff = { baseMs: 50, capMs: 5_000 };

  it('doubles up to its cap and spreads over the upper half', () => {
    expect([1, 2, 3, 20].map((attempt) => backoffMs(attempt, backoff, 0))).toEqual([
      25, 50, 100, 2_500,
    ]);
    expect(backoffMs(20, backoff, 0.999)).toBeLessThan(5_000);
  });
});

describe('a projection’s standing', () => {
  const start = atPosition(7, 0);

  it('is live when a batch reached the end, and counts its failures until the next batch', () => {
    const fault = new RuntimeError('READ_STORE_UNAVAILABLE', 'away');
    const twice = failed(failed(start, fault, 1), fault, 2);
    expect(twice).toMatchObject({ status: 'retrying', failures: 2, position: 7, error: fault });
    const healed = applied(twice, { events: 1, position: 8, live: true }, 3);
    expect(healed).toMatchObject({ status: 'live', failures: 0, position: 8, error: null });
  });

  it('stops at a fault that trying again can not mend', () => {
    const fault = new RuntimeError('EVENT_VERSION_UNKNOWN', 'newer');
    expect(failed(start, fault, 1).status).toBe('stopped');
  });

  it('measures the rate of a steady stream, and forgets it when nothing comes', () => {
    let state = start;
    for (let second = 1; second <= 60; second++) {
      const position = state.position + 100;
      state = applied(state, { events: 100, position, live: true }, second * 1_000);
    }
    expect(state.rate).toBeGreaterThan(95);
    expect(state.rate).toBeLessThan(110);
    expect(rateAt(state, 120_000)).toBeLessThan(1);
  });
});

describe('a stream’s name', () => {
  it('leads back to its address', () => {
    const id = fc.string({ minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(id, fc.constantFrom('acme', 'a.b-c_d'), (name, tenantId) => {
        const address = { tenantId, kind: 'entity', id: name };
        expect(addressOf(streamOf(address))).toEqual(address);
        expect(categoryOf(streamOf(address))).toBe('entity');
      }),
    );
  });
});

describe('a step', () => {
  it('passes on what a guard throws, and refuses actions that an actor machine must not have', () => {
    const machine = setup({}).createMachine({
      initial: 'here',
      states: {
        here: {
          on: {
            THROW: {
              guard: () => {
                throw new Error('broken guard');
              },
            },
            LATER: { actions: () => undefined },
          },
        },
      },
    });
    const step = stepsOf(machine);
    expect(() => step('here', {}, { messageType: 'THROW' })).toThrow(/broken guard/);
    expect(() => step('here', {}, { messageType: 'LATER' })).toThrow(/may only guard/);
  });
});

describe('the order of use', () => {
  class Member implements Linked<Member> {
    older: Member | null = null;
    newer: Member | null = null;
    readonly name: number;
    constructor(name: number) {
      this.name = name;
    }
  }

  it('is that of a list in which whatever is used moves to the end', () => {
    const operation = fc.record({
      does: fc.constantFrom('use', 'use', 'remove'),
      at: fc.integer({ min: 0, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(operation), (operations) => {
        const members = Array.from({ length: 6 }, (_, name) => new Member(name));
        const recency = new Recency<Member>();
        let model: number[] = [];
        for (const { does, at } of operations) {
          recency[does as 'use' | 'remove'](members[at]!);
          model = model.filter((name) => name !== at);
          if (does === 'use') model.push(at);
        }
        expect([...recency].map(({ name }) => name)).toEqual(model);
      }),
    );
  });

  it('may lose members while it is walked', () => {
    const recency = new Recency<Member>();
    for (const name of [1, 2, 3]) recency.use(new Member(name));
    const seen: number[] = [];
    for (const member of recency) {
      seen.push(member.name);
      recency.remove(member);
    }
    expect(seen).toEqual([1, 2, 3]);
    expect([...recency]).toEqual([]);
  });
});
