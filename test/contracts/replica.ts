/** The exam of every Replica: what `runtime/ports/replica.ts` promises. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Log, RecordedEvent, Replica } from '#runtime';
import { Chance } from '#test/chance';
import { allOf, copyOf, historyOf } from '#test/history';
import { newEvent } from './log-event.ts';

export interface ReplicaUnderTest {
  readonly log: Log;
  readonly replica: Replica;
  /** The same log as another process has it. */
  readonly other: Replica;
  readonly dispose: () => Promise<void>;
}

export function describeReplica(name: string, make: () => Promise<ReplicaUnderTest>): void {
  describe(`a copy into ${name}`, () => {
    let under: ReplicaUnderTest;
    let source: Log;
    let events: readonly RecordedEvent[];
    beforeEach(async () => {
      under = await make();
      source = await historyOf(60, new Chance(7));
      events = await allOf(source);
    });
    afterEach(() => under.dispose());

    it('begins with nothing, and ends with the last event that it was given', async () => {
      expect(await under.replica.last()).toBeNull();
      expect(await under.replica.extend(events)).toBe(events.length);
      expect(await under.replica.last()).toMatchObject({ id: events.at(-1)!.id });
    });

    it('keeps order, ids, revisions, data and metadata', async () => {
      await under.replica.extend(events);
      expect(await copyOf(under.log)).toEqual(await copyOf(source));
    });

    it('adds what is new of what it is given again', async () => {
      await under.replica.extend(events.slice(0, 50));
      expect(await under.replica.extend(events.slice(0, 50))).toBe(0);
      expect(await under.replica.extend(events.slice(49, 51))).toBe(1);
      expect(await under.replica.extend(events)).toBe(events.length - 51);
      expect(await copyOf(under.log)).toEqual(await copyOf(source));
    });

    it('takes a run of one stream of which a part is there', async () => {
      const run = Array.from({ length: 5 }, (_, revision) => ({
        ...newEvent(),
        stream: 'entity-acme/run',
        revision,
        position: revision + 1,
      }));
      await under.replica.extend(run.slice(0, 2));
      expect(await under.replica.extend(run)).toBe(3);
      expect(await under.log.readStream('entity-acme/run')).toHaveLength(5);
    });

    it.each([
      ['something else stands', (at: RecordedEvent) => ({ ...at, id: crypto.randomUUID() })],
      ['its stream has a gap', (at: RecordedEvent) => ({ ...at, revision: at.revision + 1 })],
      ['its stream is not begun', (at: RecordedEvent) => ({ ...at, stream: 'e-x/y', revision: 3 })],
    ])('ends at the event in whose place %s', async (_, spoil) => {
      await under.replica.extend(events.slice(0, 30));
      const spoilt = spoil(events[20]!);
      const given = [...events.slice(30, 40), spoilt, ...events.slice(40)];
      await expect(under.replica.extend(given)).rejects.toMatchObject({
        code: 'COPY_DIVERGED',
        data: { id: spoilt.id, stream: spoilt.stream, revision: spoilt.revision },
      });
      const expected = (await copyOf(source)).slice(0, 40);
      expect(await copyOf(under.log)).toEqual(expected);
    });

    it('is the same log whoever of two copiers was faster', async () => {
      const copy = async (replica: Replica, chance: Chance) => {
        for (let at = 0; at < events.length; ) {
          const to = at + 1 + chance.int(9);
          await replica.extend(events.slice(at, to));
          at = to;
        }
      };
      await Promise.all([copy(under.replica, new Chance(1)), copy(under.other, new Chance(2))]);
      expect(await copyOf(under.log)).toEqual(await copyOf(source));
    });
  });
}
