import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits, type RecordedEvent } from '#runtime';
import { Recent } from '../../adapters/sqlite/recent.ts';

const types = ['Made', 'Moved', 'Gone'] as const;

function eventAt(position: number, type: string, category: string): RecordedEvent {
  return {
    id: `${position}`,
    type,
    schemaVersion: 1,
    data: {},
    metadata: { messageId: `m${position}`, recordedAt: '2026-11-24T00:00:00.000Z' },
    stream: `${category}-acme/1`,
    revision: position,
    position,
  };
}

const anyHeld = fc.record({
  gap: fc.integer({ min: 1, max: 3 }),
  type: fc.constantFrom(...types),
  category: fc.constantFrom('entity', 'relationship'),
  chars: fc.oneof(fc.constant(100), fc.integer({ min: 1, max: limits.logRecentCharsMax })),
});

describe('the recent end of the log', () => {
  it('answers as the whole log does wherever it says that it covers, whatever it has let go', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(anyHeld, { maxLength: 6 }), { minLength: 1, maxLength: 12 }),
        fc.nat(40),
        fc.integer({ min: 1, max: 5 }),
        fc.option(fc.subarray([...types], { minLength: 1 }), { nil: undefined }),
        (stretches, place, limit, wanted) => {
          const recent = new Recent();
          const all: RecordedEvent[] = [];
          for (const stretch of stretches) {
            let position = recent.position;
            const held = stretch.map(({ gap, type, category, chars }) => {
              position += gap;
              return { event: eventAt(position, type, category), chars };
            });
            recent.add({ held, position });
            all.push(...held.map(({ event }) => event));
            if (!recent.covers(place)) continue;
            const filter = { categories: ['entity'], ...(wanted && { types: wanted }) };
            const expected = all.filter(
              ({ position: at, type, stream }) =>
                at > place &&
                stream.startsWith('entity-') &&
                (wanted?.includes(type as never) ?? true),
            );
            const answer = recent.after(place, limit, filter);
            expect(answer.events).toEqual(expected.slice(0, limit));
            const isCut = expected.length >= limit;
            expect(answer.position).toBe(isCut ? expected[limit - 1]!.position : recent.position);
          }
        },
      ),
    );
  });

  it('holds no more than its bounds, but always the last event', () => {
    const recent = new Recent();
    recent.add({ held: [{ event: eventAt(1, 'Made', 'entity'), chars: 100 }], position: 1 });
    const huge = { event: eventAt(2, 'Made', 'entity'), chars: 2 * limits.logRecentCharsMax };
    recent.add({ held: [huge], position: 2 });
    expect(recent.covers(0)).toBe(false);
    expect(recent.after(1, 10, {}).events).toEqual([huge.event]);
    const many = Array.from({ length: limits.logRecentEventsMax + 1 }, (_, at) => ({
      event: eventAt(3 + at, 'Made', 'entity'),
      chars: 1,
    }));
    recent.add({ held: many, position: many.at(-1)!.event.position });
    expect(recent.covers(2)).toBe(false);
    expect(recent.after(3, many.length, {}).events).toHaveLength(limits.logRecentEventsMax);
  });
});
