/** Which place of the log a moment is: what may be asked, and how times meet clocks that disagree. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryLog } from '#adapters/memory';
import { asOfFrom, GraphHistory, positionAt } from '#projections';
import type { Log, ReadStore, RecordedEvent } from '#runtime';
import { ManualClock } from '#test/clock';
import { entityCreated, entityDeleted, entityUpdated, recorded } from '#test/events';

const noon = Date.UTC(2026, 10, 24, 12);
const iso = (ms: number) => new Date(ms).toISOString();

describe('asOf', () => {
  it.each([
    ['revision:0', { kind: 'revision', revision: 0 }],
    ['position:4711', { kind: 'position', position: 4711 }],
    ['2026-11-24T12:00:00Z', { kind: 'time', timeMs: noon }],
    ['2026-11-24T12:00Z', { kind: 'time', timeMs: noon }],
    ['2026-11-24T13:00:00.001999999+01:00', { kind: 'time', timeMs: noon + 1 }],
    ['2024-02-29T00:00:00-00:00', { kind: 'time', timeMs: Date.UTC(2024, 1, 29) }],
  ])('is read: %s', (text, asOf) => {
    expect(asOfFrom(text)).toEqual(asOf);
  });

  it.each([
    '',
    '12',
    'now',
    'revision:',
    'revision:-1',
    'revision:1.5',
    'revision:1e3',
    ' revision:1',
    'Revision:1',
    'position:1234567890123456',
    'position:١',
    '2026-11-24',
    '2026-11-24T12:00:00',
    '2026-11-24 12:00:00Z',
    '2026-11-24T25:00:00Z',
    '2026-13-01T12:00:00Z',
    '2026-02-30T12:00:00Z',
    '2025-02-29T12:00:00Z',
    '2026-11-24T12:00:00 01:00',
    '2026-11-24T12:00:00Z\n',
  ])('is refused: "%s"', (text) => {
    expect(() => asOfFrom(text)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
  });

  it('says what became of a + that was not escaped', () => {
    expect(() => asOfFrom('2026-11-24T12:00:00 01:00')).toThrow('%2B');
  });
});

describe('a moment', () => {
  const events = recorded([
    entityCreated({ id: 'other' }),
    entityCreated({ id: 'a', properties: { v: 1 } }),
    entityUpdated({ id: 'a', properties: { v: 2 } }),
    entityDeleted({ id: 'a' }),
  ]);
  const clock = new ManualClock(noon + 60 * 60_000);
  const entity = async (id: string, asOf: string) => {
    const history = new GraphHistory({ log: await logOf(events), clock, store: noStore });
    return history.entity('acme', id, asOfFrom(asOf));
  };

  it('is answered with the place of the log that it came to', async () => {
    expect(await entity('a', 'revision:0')).toMatchObject({
      properties: { v: 1 },
      asOf: { revision: 0, position: 2 },
    });
    expect(await entity('a', 'position:3')).toMatchObject({
      properties: { v: 2 },
      revision: 1,
      asOf: { position: 3 },
    });
    const time = '2026-11-24T13:02:30+01:00';
    expect(await entity('a', time)).toMatchObject({
      properties: { v: 1 },
      asOf: { position: 2, time: '2026-11-24T12:02:30.000Z' },
    });
  });

  it.each([
    ['REQUEST_INVALID', 'a', 'position:5', 'position 5 is not there yet: the log ends at 4'],
    ['REQUEST_INVALID', 'a', iso(noon + 60 * 60_000 + 1), 'still to come'],
    ['REQUEST_INVALID', 'a', 'revision:3', "'a' has no revision 3; its last is 2"],
    ['NOT_FOUND', 'nobody', 'revision:0', "there never was an entity 'nobody'"],
    ['NOT_FOUND', 'nobody', 'position:4', "there never was an entity 'nobody'"],
    ['NOT_FOUND', 'a', 'revision:2', "there was no entity 'a' at position 4; it existed from"],
    ['NOT_FOUND', 'a', 'position:0', "there was no entity 'a' at position 0"],
    ['NOT_FOUND', 'a', '1970-01-01T00:00:00Z', "there was no entity 'a' at position 0"],
    ['REQUEST_INVALID', 'a\0', 'position:1', 'NUL'],
  ])('is refused with %s: %s as of %s', async (code, id, asOf, message) => {
    const refused = { code, message: expect.stringContaining(message) };
    await expect(entity(id, asOf)).rejects.toMatchObject(refused);
  });

  it('is not read from an event that is newer than this code', async () => {
    const newer = events.map((event) => ({
      ...event,
      schemaVersion: event.revision === 1 ? 99 : 1,
    }));
    const history = new GraphHistory({ log: await logOf(newer), clock, store: noStore });
    const ask = (asOf: string) => history.entity('acme', 'a', asOfFrom(asOf));
    expect(await ask('revision:0')).toMatchObject({ properties: { v: 1 } });
    await expect(ask('revision:1')).rejects.toMatchObject({ code: 'EVENT_VERSION_UNKNOWN' });
  });
});

describe('the position of a time', () => {
  /** Minutes of recording, and where in the order of the log they stand: with gaps. */
  const steps = fc.array(fc.record({ gap: fc.integer({ min: 1, max: 9 }), ms: fc.nat(20) }), {
    maxLength: 60,
  });
  const times = fc.integer({ min: -5, max: 700 });

  it('is that of the last event recorded by then, where clocks agree', async () => {
    await fc.assert(
      fc.asyncProperty(steps, times, async (drawn, timeMs) => {
        const log = timesLog(placed(drawn, () => 0));
        expect(await positionAt(log, timeMs)).toBe(lastBy(log.times, timeMs));
      }),
      { numRuns: 500 },
    );
  });

  it('is off by no more than clocks are, and always where the log passes the time', async () => {
    const skewMs = 30;
    const skewed = fc.infiniteStream(fc.integer({ min: -skewMs / 2, max: skewMs / 2 }));
    await fc.assert(
      fc.asyncProperty(steps, skewed, times, async (drawn, skews, timeMs) => {
        const log = timesLog(placed(drawn, () => skews.next().value));
        const found = await positionAt(log, timeMs);
        for (const { position, ms } of log.times) {
          if (ms <= timeMs - skewMs) expect(position).toBeLessThanOrEqual(found);
          if (ms > timeMs + skewMs) expect(position).toBeGreaterThan(found);
        }
        const at = log.times.findIndex(({ position }) => position === found);
        expect(found === 0 || log.times[at]!.ms <= timeMs).toBe(true);
        expect((log.times[at + 1]?.ms ?? Number.POSITIVE_INFINITY) > timeMs).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('stays the same while the log grows by what is recorded later', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(60), times, async (drawn, count, timeMs) => {
        const all = placed(drawn, (index) => (index % 3) * 10);
        const early = all.slice(0, count);
        fc.pre(all.slice(count).every(({ ms }) => ms > timeMs));
        expect(await positionAt(timesLog(all), timeMs)).toBe(
          await positionAt(timesLog(early), timeMs),
        );
      }),
    );
  });

  it('takes as many reads as its number has binary digits', async () => {
    const log = timesLog(
      placed(
        Array.from({ length: 5_000 }, () => ({ gap: 1, ms: 1 })),
        () => 0,
      ),
    );
    expect(await positionAt(log, 1_234)).toBe(1_234);
    expect(log.reads).toBeLessThanOrEqual(13);
  });
});

interface Placed {
  readonly position: number;
  readonly ms: number;
}

function placed(
  drawn: readonly { readonly gap: number; readonly ms: number }[],
  skewOf: (index: number) => number,
): readonly Placed[] {
  let position = 0;
  let ms = 0;
  return drawn.map((step, index) => {
    position += step.gap;
    ms += step.ms;
    return { position, ms: ms + skewOf(index) };
  });
}

function lastBy(times: readonly Placed[], timeMs: number): number {
  return times.findLast(({ ms }) => ms <= timeMs)?.position ?? 0;
}

/** As much of a log as a search for a time needs. */
function timesLog(times: readonly Placed[]) {
  const log = {
    times,
    reads: 0,
    head: async () => times.at(-1)?.position ?? 0,
    readAll: async ({ after, limit }: { after: number; limit: number }) => {
      log.reads += 1;
      return times
        .filter(({ position }) => position > after)
        .slice(0, limit)
        .map(({ position, ms }) => ({ position, metadata: { recordedAt: iso(ms) } }));
    },
  };
  return log as unknown as Log & typeof log;
}

async function logOf(events: readonly RecordedEvent[]): Promise<MemoryLog> {
  const log = new MemoryLog();
  for (const { stream, revision: _, position: __, ...event } of events) {
    await log.append(stream, [event], 'any');
  }
  return log;
}

/** Of an entity alone the log knows everything. */
const noStore = {} as ReadStore;
