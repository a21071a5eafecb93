/** The past is what the graph showed then: at every position, of every entity, in every order. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryLog } from '#adapters/memory';
import {
  type AsOf,
  GraphHistory,
  GraphQueries,
  graphPlan,
  graphProjection,
  historyPlan,
  historyProjection,
  StoredGenerations,
} from '#projections';
import {
  addressOf,
  type Clock,
  limits,
  type ReadStore,
  type RecordedEvent,
  RuntimeError,
} from '#runtime';
import { effort } from '#test/effort';
import {
  entityCreated,
  entityDeleted,
  entityUpdated,
  type Fact,
  linkActivated,
  linkRemoved,
  recorded,
} from '#test/events';
import { anyHistory, graphAfter } from '#test/graph-model';
import { instantAt } from '#test/messages';
import { chosenKinds, empty, type StoreUnderTest } from '#test/read-stores';
import { runWorld } from '#test/world';

const at = (position: number): AsOf => ({ kind: 'position', position });

async function logOf(events: readonly RecordedEvent[]): Promise<MemoryLog> {
  const log = new MemoryLog();
  for (const { stream, revision: _, position: __, ...event } of events) {
    await log.append(stream, [event], 'any');
  }
  return log;
}

/** A store whose history holds everything up to a position, and whose graph is empty. */
async function writeHistory(
  store: ReadStore,
  events: readonly RecordedEvent[],
  to = events.at(-1)?.position ?? 0,
): Promise<void> {
  await empty(store);
  const { sink } = await new StoredGenerations(store, historyPlan).live();
  const upTo = events.filter(({ position }) => position <= to);
  const changes = upTo.flatMap((event) => historyProjection.project(event));
  await sink.apply({ changes, from: 0, to });
}

/** Time that passes as soon as somebody waits for it; `meanwhile` is what happens then. */
function hastyClock(meanwhile?: () => Promise<void>): Clock {
  let nowMs = Date.UTC(2026, 10, 25);
  return {
    now: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
      await meanwhile?.();
    },
  };
}

/** What a question comes to, without the moment; a refusal counts by its code. */
async function outcome(question: Promise<object>): Promise<unknown> {
  try {
    const { asOf: _, ...answer } = (await question) as { asOf?: unknown };
    return answer;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(RuntimeError);
    return (thrown as RuntimeError).code;
  }
}

/** All pages of an entity's neighbours. */
async function neighboursOf(
  page: (request: { direction: 'both'; limit: number; cursor?: string }) => Promise<{
    readonly items: readonly unknown[];
    readonly next: string | null;
  }>,
): Promise<{ items: readonly unknown[] }> {
  const items: unknown[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const answer = await page({
      ...{ direction: 'both', limit: 2 },
      ...(cursor === undefined ? {} : { cursor }),
    });
    items.push(...answer.items);
    cursor = answer.next;
  }
  return { items };
}

const idsOf = (events: readonly RecordedEvent[]) => {
  const entities = events.flatMap(({ stream }) => {
    const { kind, tenantId, id } = addressOf(stream);
    return kind === 'entity' ? [`${tenantId} ${id}`] : [];
  });
  return [...new Set(entities)].map((key) => key.split(' ') as [string, string]);
};

describe('an entity as of a position', () => {
  it('is the row that the graph had then, whatever happened later', async () => {
    await fc.assert(
      fc.asyncProperty(anyHistory, async (events) => {
        const around = { log: await logOf(events), clock: hastyClock() };
        const history = new GraphHistory({ ...around, store: noStore });
        for (let position = 0; position <= events.length; position++) {
          const { nodes } = graphAfter(events.slice(0, position));
          for (const [tenantId, id] of idsOf(events)) {
            const node = nodes.find((one) => one.tenantId === tenantId && one.id === id);
            const { tenantId: _, ...row } = node ?? { tenantId };
            expect(await outcome(history.entity(tenantId, id, at(position)))).toEqual(
              node === undefined ? 'NOT_FOUND' : row,
            );
          }
        }
      }),
      { numRuns: effort(15, 60) },
    );
  });
});

for (const { name, make } of chosenKinds) {
  describe(name, () => {
    let under: StoreUnderTest;
    let store: ReadStore;
    beforeAll(async () => {
      under = await make();
      store = under.store;
    });
    afterAll(() => under.dispose());

    const historyOf = async (events: readonly RecordedEvent[], clock = hastyClock()) =>
      new GraphHistory({ log: await logOf(events), store, clock });

    /** Asks past and present the same, with the present moved on event by event. */
    async function expectSameAtEveryPosition(events: readonly RecordedEvent[]): Promise<void> {
      await writeHistory(store, events);
      const history = await historyOf(events);
      const graph = new GraphQueries(store);
      const { sink } = await new StoredGenerations(store, graphPlan).live();
      for (const event of events) {
        const to = event.position;
        await sink.apply({ changes: graphProjection.project(event), from: to - 1, to });
        for (const [tenantId, id] of idsOf(events)) {
          const then = [
            history.entity(tenantId, id, at(to)),
            history.neighbourhood(tenantId, id, at(to), 2),
            neighboursOf((request) => history.neighbours(tenantId, id, at(to), request)),
          ];
          const now = [
            graph.entity(tenantId, id),
            graph.neighbourhood(tenantId, id, 2),
            neighboursOf((request) => graph.neighbours(tenantId, id, request)),
          ];
          const outcomes = await Promise.all([...then, ...now].map(outcome));
          expect(outcomes.slice(0, 3)).toEqual(outcomes.slice(3));
        }
      }
    }

    it('answers as of every position as the graph did when it stood there', async () => {
      await fc.assert(fc.asyncProperty(anyHistory, expectSameAtEveryPosition), {
        numRuns: effort(6, 20),
      });
    }, 120_000);

    it('answers so for what the true runtime recorded under faults', async () => {
      const { log } = await runWorld(20_261_124);
      const all = await log.readAll({ after: 0, limit: 10_000 });
      const isActor = ({ stream }: RecordedEvent) => /^(entity|relationship)-/.test(stream);
      // Positions without a gap, as the comparison takes them one by one.
      const events = all.filter(isActor).map((event, index) => ({ ...event, position: index + 1 }));

      expect(events.length).toBeGreaterThan(20);
      await expectSameAtEveryPosition(events);
    }, 120_000);

    describe('on a small history', () => {
      const link = { id: 'l', from: 'a', to: 'b' };
      const facts: readonly Fact[] = [
        entityCreated({ id: 'a', properties: { v: 1 } }),
        entityCreated({ id: 'b' }),
        linkActivated(link),
        entityUpdated({ id: 'a', properties: { v: 2 } }),
        linkRemoved(link),
        entityDeleted({ id: 'b' }),
        entityCreated({ id: 'b', tenantId: 'other' }),
      ];
      const events = recorded(facts);
      const head = events.length;
      const both = { direction: 'both', limit: 10 } as const;

      it('remembers a link that is gone, with the properties of then', async () => {
        await writeHistory(store, events);
        const history = await historyOf(events);
        const { items, asOf } = await history.neighbours('acme', 'b', at(4), both);
        expect(items).toMatchObject([
          { direction: 'in', relationship: { id: 'l' }, entity: { id: 'a', properties: { v: 2 } } },
        ]);
        expect(asOf).toEqual({ position: 4 });
        const before = await history.neighbours('acme', 'b', at(3), both);
        expect(before.items).toMatchObject([{ entity: { properties: { v: 1 } } }]);
        expect((await history.neighbours('acme', 'a', at(5), both)).items).toEqual([]);
      });

      it('filters by type and direction, and refuses a cursor of another list', async () => {
        await writeHistory(store, events);
        const history = await historyOf(events);
        const ask = (wanted: object) =>
          history.neighbours('acme', 'a', at(4), { ...both, ...wanted });
        expect((await ask({ type: 'RELATED_TO', direction: 'out' })).items).toHaveLength(1);
        expect((await ask({ type: 'DEPENDS_ON' })).items).toEqual([]);
        expect((await ask({ direction: 'in' })).items).toEqual([]);
        const refused = { code: 'REQUEST_INVALID' };
        await expect(ask({ cursor: 'bm9uc2Vuc2U' })).rejects.toMatchObject(refused);
        await expect(ask({ limit: 0 })).rejects.toMatchObject(refused);
        await expect(history.neighbourhood('acme', 'a', at(4), 9)).rejects.toMatchObject(refused);
      });

      it('never shows a tenant another’s past', async () => {
        await writeHistory(store, events);
        const history = await historyOf(events);
        for (const position of [0, 4, head]) {
          for (const question of [
            () => history.entity('other', 'a', at(position)),
            () => history.neighbours('other', 'a', at(position), both),
            () => history.neighbourhood('other', 'a', at(position), 1),
          ]) {
            await expect(question()).rejects.toMatchObject({
              code: 'NOT_FOUND',
              message: "there never was an entity 'a'",
            });
          }
        }
        expect((await history.neighbours('other', 'b', at(head), both)).items).toEqual([]);
      });

      it('waits for a projection that lags, and answers from what it then holds', async () => {
        await writeHistory(store, events, 2);
        const clock = hastyClock(async () => {
          const { sink } = await new StoredGenerations(store, historyPlan).live();
          const rest = events.slice(2).flatMap((event) => historyProjection.project(event));
          await sink.apply({ changes: rest, from: 2, to: head });
        });
        const history = await historyOf(events, clock);
        const { items } = await history.neighbours('acme', 'a', at(4), both);
        expect(items).toMatchObject([{ entity: { id: 'b' } }]);
      });

      it('says so where it waits in vain, and is not held up where nothing is missing', async () => {
        await writeHistory(store, events, 2);
        const clock = hastyClock();
        const history = await historyOf(events, clock);
        expect((await history.neighbours('acme', 'a', at(2), both)).items).toEqual([]);
        const startMs = clock.now();
        const asked = history.neighbours('acme', 'a', at(3), both);
        await expect(asked).rejects.toMatchObject({ code: 'READ_STORE_UNAVAILABLE' });
        expect(clock.now() - startMs).toBe(limits.historyWaitMs);
        // Position 4 is an update: nothing that the history would want follows 3.
        await writeHistory(store, events, 3);
        expect((await history.neighbours('acme', 'a', at(4), both)).items).toHaveLength(1);
      });

      it('is the same digest after a rebuild', async () => {
        await writeHistory(store, events);
        const generations = new StoredGenerations(store, historyPlan);
        const before = await (await generations.live()).sink.checksum();
        const build = await generations.begin();
        const changes = events.flatMap((event) => historyProjection.project(event));
        await build.apply({ changes, from: 0, to: head });
        await generations.promote(build);
        expect(await (await generations.live()).sink.checksum()).toEqual(before);
        expect(before.rows).toBe(6);
      });
    });

    it('cuts a large neighbourhood where the graph cuts it', async () => {
      const hub = entityCreated({ id: 'hub' });
      const many = Array.from({ length: limits.neighbourhoodNodesMax + 5 }, (_, n) => n);
      const events = recorded([
        hub,
        ...many.map((n) => entityCreated({ id: `leaf-${n}` })),
        ...many.map((n) => linkActivated({ id: `l-${n}`, from: 'hub', to: `leaf-${n}` })),
      ]);
      await writeHistory(store, events);
      const { sink } = await new StoredGenerations(store, graphPlan).live();
      const changes = events.flatMap((event) => graphProjection.project(event));
      await sink.apply({ changes, from: 0, to: events.length });
      const history = await historyOf(events);
      const then = await history.neighbourhood('acme', 'hub', at(events.length), 1);
      expect(then.truncated).toBe(true);
      const { asOf: _, ...answer } = then;
      expect(answer).toEqual(await new GraphQueries(store).neighbourhood('acme', 'hub', 1));
    });
  });
}

describe('an entity that was not there', () => {
  it('is told with the stretches of its life around the moment', async () => {
    const events = recorded([
      entityCreated({ id: 'other' }),
      entityCreated({ id: 'a' }),
      entityDeleted({ id: 'a' }),
      entityUpdated({ id: 'other' }),
      entityCreated({ id: 'a' }),
      entityUpdated({ id: 'other' }),
    ]);
    const around = { log: await logOf(events), clock: hastyClock(), store: noStore };
    const history = new GraphHistory(around);
    const mark = (position: number) => `${instantAt(position)} (position ${position})`;
    const existedAt = async (position: number) => {
      const question = history.entity('acme', 'a', at(position));
      return (await question.catch((thrown: RuntimeError) => thrown)) as RuntimeError;
    };
    expect((await existedAt(1)).message).toBe(
      `there was no entity 'a' at position 1; it existed from ${mark(2)} to ${mark(3)}`,
    );
    expect((await existedAt(4)).message).toBe(
      `there was no entity 'a' at position 4; it existed from ${mark(2)} to ${mark(3)}, and from ${mark(5)} on`,
    );
    expect((await existedAt(4)).data).toMatchObject({
      position: 4,
      existed: [
        { from: { position: 2 }, to: { position: 3 } },
        { from: { position: 5 }, to: null },
      ],
    });
    expect(await existedAt(6)).toMatchObject({ id: 'a', revision: 2 });
  });
});

describe('a question about more events than one may read', () => {
  it('is refused, and has read no further', async () => {
    const [event] = recorded([entityUpdated({ id: 'a' })]);
    let read = 0;
    const log = Object.assign(new MemoryLog(), {
      head: async () => 1,
      readStream: async (_: string, { limit = 1 }) => {
        read += limit;
        return Array.from({ length: limit }, () => event!);
      },
    });
    const history = new GraphHistory({ log, clock: hastyClock(), store: noStore });
    await expect(history.entity('acme', 'a', at(1))).rejects.toMatchObject({
      code: 'QUERY_TOO_LARGE',
    });
    expect(read).toBeLessThan(limits.historyEventsMax + 1_000);
  });
});

/** Of an entity alone the log knows everything: any use of the store throws. */
const noStore = {} as ReadStore;
