/**
 * What stored generations promise beyond the port: locks, versions, indexes last, a build that any
 * statement may have been the last of, readers that hold a swap up, no text is poison.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type GraphChange, graphPlan, graphProjection, StoredGenerations } from '#projections';
import {
  type GenerationStatus,
  limits,
  type ReadStore,
  type RecordedEvent,
  RuntimeError,
  type Sink,
} from '#runtime';
import { entityCreated, entityUpdated, History, linkActivated } from '#test/events';
import { anyHistory, graphAfter } from '#test/graph-model';
import { graphRows } from '#test/graph-rows';
import { mortal } from '#test/mortal-store';
import { chosenKinds, empty, type StoreUnderTest } from '#test/read-stores';
import { until } from '#test/until';

/** Texts for which PostgreSQL's parser or its tsvector needed a guard. */
const nasty: Readonly<Record<string, string>> = {
  'a run of underscores between letters': 'a_'.repeat(120_000),
  'different hyphened words of rare letters': rareWords(60_000, '-'),
  'different words of rare letters': rareWords(60_000, ' '),
  'one word without an end': 'x'.repeat(limits.textCharsMax),
  'nothing but signs': '<>&;:.,-'.repeat(20_000),
  'many addresses': Array.from({ length: 8_000 }, (_, n) => `u${n}@a${n}.example/p${n}`).join(' '),
};

function rareWords(count: number, glue: string): string {
  return Array.from({ length: count }, (_, n) => String.fromCodePoint(0x20000 + (n % 40_000))).join(
    glue,
  );
}

for (const { name, make } of chosenKinds) {
  describe(name, () => {
    let under: StoreUnderTest;
    let store: ReadStore;
    let history: History;
    let generations: StoredGenerations<GraphChange>;
    beforeAll(async () => {
      under = await make();
      store = under.store;
    });
    afterAll(() => under.dispose());
    beforeEach(async () => {
      await empty(store);
      history = new History();
      generations = new StoredGenerations(store, graphPlan);
    });

    const change = (fact: Parameters<History['record']>[0]) =>
      graphProjection.project(history.record(fact));
    const names = async (sql: string) =>
      (await store.query<{ name: string }>(sql)).map((row) => row.name);
    const schemas = () =>
      names(`SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'graph%' ORDER BY 1`);
    const indexes = (schema: string) =>
      names(`SELECT indexname AS name FROM pg_indexes WHERE schemaname = '${schema}' ORDER BY 1`);

    it('makes one live generation for nodes that start together', async () => {
      const nodes = Array.from({ length: 5 }, () => new StoredGenerations(store, graphPlan));
      const found = await Promise.all(nodes.map((node) => node.live()));
      expect(found.map(({ sink }) => sink.generation)).toEqual([1, 1, 1, 1, 1]);
      expect(await schemas()).toEqual(['graph', 'graph_1']);
    });

    it('lets one node build at a time', async () => {
      await generations.live();
      const built = await generations.begin();
      const other = new StoredGenerations(store, graphPlan);
      await expect(other.begin()).rejects.toMatchObject({ code: 'PROJECTION_BUSY' });
      await other.live();
      await built.apply({ changes: change(entityCreated()), from: 0, to: 1 });
      await generations.promote(built);
      const next = await other.begin();
      await other.discard(next);
    });

    it('drops the tables of a build that a crash left', async () => {
      await generations.live();
      await generations.begin();
      await store.close();
      store = await under.reopen();
      generations = new StoredGenerations(store, graphPlan);
      expect(await schemas()).toEqual(['graph', 'graph_1', 'graph_2']);
      await generations.live();
      expect(await schemas()).toEqual(['graph', 'graph_1']);
    });

    it('makes keys and indexes last', async () => {
      await generations.live();
      const built = await generations.begin();
      await built.apply({ changes: change(entityCreated()), from: 0, to: 1 });
      expect(await indexes('graph_2')).toEqual([]);
      const wanted = await indexes('graph_1');
      await generations.complete(built);
      expect(await indexes('graph_2')).toEqual(wanted);
      await generations.promote(built);
      expect(await indexes('graph_2')).toEqual(wanted);
      expect(await schemas()).toEqual(['graph', 'graph_2']);
    });

    it('tells the version that built the live generation, and refuses one from the future', async () => {
      await generations.live();
      const later = new StoredGenerations(store, { ...graphPlan, version: 2 });
      expect((await later.live()).version).toBe(1);
      await later.promote(await later.begin());
      expect((await later.live()).version).toBe(2);
      await expect(generations.live()).rejects.toMatchObject({ code: 'DATA_FORMAT_NEWER' });
    });

    it('writes more than one load of a build, in order', async () => {
      const text = 'word '.repeat(1_000);
      const small = new StoredGenerations(store, graphPlan, 20_000);
      const built = await small.begin();
      for (let n = 0; n < 45; n++) {
        const fact = entityUpdated({ id: `${n % 7}`, properties: { [`n${n}`]: n } });
        const first = entityCreated({ id: `${n}`, properties: { text } });
        const changes = change(n < 30 ? first : fact);
        expect(await built.apply({ changes, from: n, to: n + 1 })).toBe(n + 1);
      }
      await small.promote(built);
      const [row] = await store.query(
        `SELECT count(*) AS nodes, sum(position) AS positions FROM graph.node`,
      );
      // 7 … 29 keep the positions of their creation, 0 … 6 have those of the last seven updates.
      expect(row).toEqual({ nodes: 30, positions: String(sum(8, 30) + sum(39, 45)) });
    });

    it('goes on with a build after any statement was its last', async () => {
      const events = longHistory();
      const expected = graphAfter(events);
      for (let statements = 1, isDone = false; !isDone; statements += 11) {
        await empty(store);
        const dying = new StoredGenerations(mortal(store, statements), graphPlan, 1);
        isDone = await survives(dying, events);
        const { sink } = await generations.live();
        const built = await generations.begin(events.length);
        await play(built, events);
        expect(built.generation).toBeGreaterThan(sink.generation);
        await generations.promote(built);
        expect(await graphRows(store), `after ${statements} statements`).toEqual(expected);
      }
    });

    it('copies a first load once, though the reply to a part of it was lost', async () => {
      let isLost = false;
      const copy: ReadStore['copy'] = async (target, lines) => {
        await store.copy(target, lines);
        if (isLost) return;
        isLost = true;
        throw new RuntimeError('READ_STORE_UNAVAILABLE', 'no reply');
      };
      const lossy = Object.assign(mortal(store, Number.POSITIVE_INFINITY), { copy });
      const unlucky = new StoredGenerations(lossy, graphPlan);
      const built = await unlucky.begin();
      await built.apply({ changes: change(entityCreated()), from: 0, to: 1 });
      await unlucky.promote(built);
      expect(isLost).toBe(true);
      expect(await store.query('SELECT FROM graph.node')).toHaveLength(1);
    });

    it('refuses to switch back to what another version of the code built', async () => {
      await generations.live();
      const later = new StoredGenerations(store, { ...graphPlan, version: 2 });
      await later.promote(await later.begin(), { keepsOld: true });
      await expect(later.kept()).rejects.toMatchObject({ code: 'PROJECTION_OUTDATED' });
      expect(await later.list()).toMatchObject([
        { number: 1, version: 1, state: 'kept' },
        { number: 2, version: 2, state: 'live' },
      ]);
      await later.discard(await later.begin());
    });

    it('drops what an older version of the code left unfinished', async () => {
      const left = await generations.begin();
      await left.apply({ changes: change(entityCreated()), from: 0, to: 1 });
      await left.checksum();
      await generations.leave(left);
      const later = new StoredGenerations(store, { ...graphPlan, version: 2 });
      const built = await later.begin(9);
      expect(await built.position()).toBe(0);
      expect(await schemas()).toEqual(['graph_2']);
      await later.discard(built);
    });

    it.runIf(name === 'PostgreSQL')('swaps without failing a reader that has to wait', async () => {
      const { sink } = await generations.live();
      await sink.apply({ changes: change(entityCreated()), from: 0, to: 1 });
      const built = await generations.begin();
      await generations.complete(built);
      let promoted: Promise<void> | undefined;
      const seen = await store.transaction(async (tx) => {
        await tx.query('SELECT FROM graph.edge');
        promoted = generations.promote(built);
        await until('the swap waits', async () => {
          const waits = 'SELECT FROM pg_locks WHERE NOT granted';
          return (await tx.query(waits)).length > 0;
        });
        return tx.query('SELECT FROM graph.node');
      });
      expect(seen).toHaveLength(1);
      await promoted;
      expect(await store.query('SELECT FROM graph.node')).toEqual([]);
    });

    it.runIf(name === 'PostgreSQL')(
      'lets who changes generations pass who lists them',
      async () => {
        await generations.live();
        let listed: Promise<readonly GenerationStatus[]> | undefined;
        await store.transaction(async (tx) => {
          await tx.query('SELECT FROM cognisync.generation FOR UPDATE');
          listed = generations.list();
          await until('the list waits', async () => {
            const waits = 'SELECT FROM pg_locks WHERE NOT granted';
            return (await tx.query(waits)).length > 0;
          });
          await tx.query(`INSERT INTO cognisync.generation VALUES ('other', 9, 1, 0, false)`);
        });
        expect(await listed).toMatchObject([{ number: 1, state: 'live' }]);
      },
    );

    it('is not stopped by a build that another has dropped', async () => {
      const built = await generations.begin();
      await store.query('DELETE FROM cognisync.generation');
      await built.apply({ changes: change(entityCreated()), from: 0, to: 1 });
      await expect(generations.promote(built)).rejects.toMatchObject({
        code: 'READ_STORE_UNAVAILABLE',
      });
      await generations.discard(built);
      expect((await generations.live()).version).toBe(1);
    });

    it.each(Object.keys(nasty))('takes any text: %s', async (kind) => {
      const { sink } = await generations.live();
      const properties = { text: nasty[kind], title: nasty[kind] };
      const changes = change(entityCreated({ properties }));
      expect(await sink.apply({ changes, from: 0, to: 1 })).toBe(1);
    });

    it('takes ids as long as the contracts allow', async () => {
      const { sink } = await generations.live();
      const id = '😀'.repeat(limits.idCharsMax / 2);
      const tenantId = 't'.repeat(limits.tenantCharsMax);
      const facts = [
        entityCreated({ tenantId, id }),
        linkActivated({ tenantId, id, from: id, to: id }),
      ];
      expect(await sink.apply({ changes: facts.flatMap(change), from: 0, to: 2 })).toBe(2);
      expect(await store.query('SELECT id FROM graph.edge')).toEqual([{ id }]);
    });
  });
}

/** Rows come, change, go and come again. */
function longHistory(): readonly RecordedEvent[] {
  const histories = fc.sample(anyHistory, { seed: 7, numRuns: 8 }).flat();
  return histories.map((event, at) => ({ ...event, position: at + 1 }));
}

/** Applies what is left of a history, a load for every nine events. */
async function play(sink: Sink<GraphChange>, events: readonly RecordedEvent[]): Promise<void> {
  for (let at = await sink.position(); at < events.length; at += 9) {
    const some = events.slice(at, at + 9);
    const changes = some.flatMap((event) => graphProjection.project(event));
    await sink.apply({ changes, from: at, to: some.at(-1)!.position });
  }
}

/** Builds and promotes; answers whether the store lived as long. */
async function survives(
  generations: StoredGenerations<GraphChange>,
  events: readonly RecordedEvent[],
): Promise<boolean> {
  const built = await generations.begin(events.length).catch(() => null);
  if (built === null) return false;
  try {
    await play(built, events);
    await generations.promote(built);
    return true;
  } catch {
    await generations.leave(built);
    return false;
  }
}

function sum(from: number, to: number): number {
  return ((from + to) * (to - from + 1)) / 2;
}
