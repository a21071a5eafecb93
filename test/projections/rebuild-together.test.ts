/**
 * Graph and history rebuilt together on a read store: whoever reads both in one snapshot reads both of one
 * build. Beside the rows, a view of each plan names the generation that it shows.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { contracts } from '#actors';
import { InProcessBus, MemoryGraph, MemoryLog, MemorySnapshots } from '#adapters/memory';
import { systemClock, systemIds } from '#adapters/system';
import {
  graphPlan,
  graphProjection,
  historyPlan,
  historyProjection,
  type Plan,
  StoredGenerations,
} from '#projections';
import { type HostedProjection, host, type Projector, type ReadStore, Runtime } from '#runtime';
import { entityCreated } from '#test/events';
import { fillLog } from '#test/long-history';
import { instantAt } from '#test/messages';
import { mortal } from '#test/mortal-store';
import { chosenKinds, empty, type StoreUnderTest, storeKinds } from '#test/read-stores';
import { TallyGenerations, tally } from '#test/tally';
import { until } from '#test/until';
import { inSnapshot } from '../../projections/graph/answer.ts';

const events = 300;

/** A plan whose readers can ask which generation they see. */
function named<Change>(plan: Plan<Change>): Plan<Change> {
  const views = (schema: string) => ({
    ...plan.views(schema),
    shown: `SELECT '${schema}'::text AS schema`,
  });
  return { ...plan, views };
}

class Pair {
  readonly runtime: Runtime;
  readonly graph: Projector;
  readonly history: Projector;

  constructor(
    store: ReadStore,
    log: MemoryLog,
    projections: readonly HostedProjection[] = [
      host(graphProjection, new StoredGenerations(store, named(graphPlan))),
      host(historyProjection, new StoredGenerations(store, named(historyPlan))),
    ],
  ) {
    this.runtime = new Runtime({
      log,
      bus: new InProcessBus({ log, clock: systemClock, ids: systemIds }),
      contracts,
      snapshots: new MemorySnapshots(),
      clock: systemClock,
      ids: systemIds,
      telemetry: { record: () => undefined },
      actors: [],
      projections,
    });
    this.graph = this.runtime.projector(graphProjection.name);
    this.history = this.runtime.projector(historyProjection.name);
  }

  rebuild(options: { readonly keepsOld?: boolean } = {}): Promise<void> {
    return this.graph.rebuild({ ...options, beside: [this.history] });
  }

  switchBack(): Promise<void> {
    return this.graph.switchBack({ beside: [this.history] });
  }
}

/** What one snapshot shows, such as `graph_3 history_4`. */
function shown(store: ReadStore): Promise<string> {
  return inSnapshot(
    store,
    async (tx) => {
      const [graph] = await tx.query<{ schema: string }>('SELECT schema FROM graph.shown');
      const [history] = await tx.query<{ schema: string }>('SELECT schema FROM history.shown');
      return `${graph!.schema} ${history!.schema}`;
    },
    ['graph.shown', 'history.shown'],
  );
}

/** Where the live generations stand. */
async function positions(store: ReadStore): Promise<readonly number[]> {
  const rows = await store.query<{ position: number }>(
    'SELECT position FROM cognisync.generation WHERE is_live ORDER BY projection',
  );
  return rows.map(({ position }) => position);
}

for (const { name, make } of storeKinds) {
  describe(name, () => {
    let under: StoreUnderTest;
    let store: ReadStore;
    let log: MemoryLog;
    beforeAll(async () => {
      under = await make();
      store = under.store;
    });
    afterAll(() => under.dispose());
    beforeEach(async () => {
      await empty(store);
      log = new MemoryLog();
      await fillLog(log, events);
    });

    it('shows its readers both old or both new ones, with the followers at work', async () => {
      const pair = new Pair(store, log);
      await pair.runtime.start();
      const caughtUp = async () =>
        (await pair.runtime.projections()).every(({ status, lag }) => status === 'live' && !lag);
      await until('both have caught up', caughtUp);
      const legal = new Set([await shown(store)]);
      const seen = new Set<string>();
      const ended = new AbortController();
      const read = async () => {
        while (!ended.signal.aborted) seen.add(await shown(store));
      };
      const reading = Array.from({ length: 3 }, read);
      try {
        for (const change of [
          () => pair.rebuild(),
          () => pair.rebuild({ keepsOld: true }),
          () => pair.switchBack(),
          () => pair.switchBack(),
          () => pair.rebuild(),
        ]) {
          await change();
          legal.add(await shown(store));
        }
      } finally {
        ended.abort();
        await Promise.all(reading);
        await pair.runtime.stop();
      }
      expect([...seen].filter((one) => !legal.has(one))).toEqual([]);
      expect(seen.size).toBeGreaterThan(1);
      expect(legal.size).toBe(4);
    });

    it('has both at one position, though the log grows whenever somebody looks', async () => {
      let late = 0;
      const growing = Object.assign(new MemoryLog(), {
        head: async () => {
          late += 1;
          const metadata = { messageId: `late-${late}`, recordedAt: instantAt(late) };
          const { event } = entityCreated({ id: `late-${late}` });
          const id = `late-${late}`;
          const facts = [{ ...event, id, metadata }];
          const appended = await growing.append(`entity-acme/${id}`, facts, 'no_stream');
          return appended.kind === 'appended' ? appended.position : 0;
        },
      });
      const pair = new Pair(store, growing);
      await pair.rebuild();
      await pair.rebuild({ keepsOld: true });
      const [graph, history] = await positions(store);
      expect(graph).toBe(history);
      await pair.switchBack();
      const [graphThen, historyThen] = await positions(store);
      expect(graphThen).toBe(historyThen);
      expect(graphThen).toBeGreaterThan(graph!);
    });

    it('begins nothing where another node builds one of them', async () => {
      const pair = new Pair(store, log);
      await pair.rebuild();
      const before = await shown(store);
      const lock = await store.lock('cognisync/history/build');
      await expect(pair.rebuild()).rejects.toMatchObject({ code: 'PROJECTION_BUSY' });
      expect(await pair.graph.generations()).toMatchObject([{ state: 'live' }]);
      expect(await shown(store)).toBe(before);
      await lock!.release();
      await pair.rebuild();
      expect(await shown(store)).not.toBe(before);
    });

    it('lets one of two nodes do it, in whatever order they name them', async () => {
      const [one, two] = [new Pair(store, log), new Pair(store, log)];
      const outcomes = await Promise.allSettled([
        one.graph.rebuild({ beside: [one.history] }),
        two.history.rebuild({ beside: [two.graph] }),
      ]);
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(refused.length).toBeLessThan(2);
      for (const { reason } of refused) expect(reason).toMatchObject({ code: 'PROJECTION_BUSY' });
      expect(await positions(store)).toEqual([events, events]);
      await one.rebuild();
    });

    it('refuses what is not in one store, and leaves all as it was', async () => {
      const graph = new StoredGenerations(store, named(graphPlan));
      const history = new StoredGenerations(store, named(historyPlan));
      const [memory, counts] = [new MemoryGraph(), new TallyGenerations()];
      const numbers = async () => [
        (await memory.live()).sink.generation,
        counts.liveSink.generation,
      ];
      const before = await numbers();
      for (const projections of [
        [host(graphProjection, memory), host(historyProjection, history)],
        [host(graphProjection, graph), host({ ...tally, name: historyProjection.name }, counts)],
      ]) {
        await expect(new Pair(store, log, projections).rebuild()).rejects.toMatchObject({
          code: 'REQUEST_INVALID',
        });
      }
      expect(await numbers()).toEqual(before);
      expect([...(await graph.list()), ...(await history.list())]).toEqual([]);
    });
  });
}

describe.each(chosenKinds)(
  'a joint rebuild on $name that any statement may be the last of',
  ({ make }) => {
    it('shows both old or both new ones, and the next one goes on', async () => {
      const under = await make();
      const { store } = under;
      const log = new MemoryLog();
      await fillLog(log, events);
      try {
        await new Pair(store, log).rebuild();
        const old = await shown(store);
        const survives = async (statements: number) => {
          const dying = new Pair(mortal(store, statements), log);
          const [outcome] = await Promise.allSettled([dying.rebuild()]);
          if (outcome.status === 'fulfilled') return true;
          expect(outcome.reason).toMatchObject({ code: 'READ_STORE_UNAVAILABLE' });
          return false;
        };
        let deaths = 0;
        for (let statements = 1; !(await survives(statements)); statements += 4) {
          deaths += 1;
          expect(await shown(store), `after ${statements} statements`).toBe(old);
        }
        expect(deaths).toBeGreaterThan(5);
        const [graph, history] = (await shown(store)).split(' ');
        expect(old).not.toContain(graph);
        expect(old).not.toContain(history);
        expect(await new Pair(store, log).graph.verify()).toMatchObject({ isSame: true });
      } finally {
        await under.dispose();
      }
    });
  },
);
