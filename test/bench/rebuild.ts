/**
 * A rebuild of the graph: 200,000 events, which come to 60,000 entities and 40,000 relationships, on
 * PGlite and on PostgreSQL. Beside it what it can't beat: the fold of the same events from memory alone,
 * reading and folding without a store, and COPY of the final rows into tables without keys.
 */
import { join } from 'node:path';
import { openSqlite } from '#adapters/sqlite';
import {
  copyRows,
  type Fold,
  type GraphChange,
  graphPlan,
  graphProjection,
  StoredGenerations,
} from '#projections';
import { host, type Log, limits, type ReadStore, type RecordedEvent } from '#runtime';
import { fillLog } from '#test/long-history';
import type { Benchmark, Result } from './report.ts';
import { inFolder, onEachStore, openRig } from './rig.ts';

const events = 200_000;

export const rebuild: Benchmark = (say) =>
  inFolder(async (folder) => {
    say(`${events} events`);
    const { log } = await openSqlite(join(folder, 'log.sqlite'));
    await fillLog(log, events);
    const history: (readonly RecordedEvent[])[] = [];
    for await (const batch of whole(log)) history.push(batch);
    const fold = graphPlan.fold();
    const folded = await rateOf(async () => {
      for (const batch of history) foldInto(fold, batch);
    });
    history.length = 0;
    const read = await rateOf(async () => {
      const other = graphPlan.fold();
      for await (const batch of whole(log)) foldInto(other, batch);
    });
    await log.close();
    const results: Result[] = [
      { label: 'fold from memory', unit: 'events/s', value: folded },
      { label: 'read and fold', unit: 'events/s', value: read, ratio: read / folded },
    ];
    await onEachStore(folder, say, async (name, store) => {
      const value = await rebuildRate(folder, store);
      const copied = await copyRate(store, fold);
      results.push(
        { label: `rebuild on ${name}, to fold`, unit: 'events/s', value, ratio: value / folded },
        {
          label: `COPY of its rows, to it`,
          unit: 'events/s',
          value: copied,
          ratio: value / copied,
        },
      );
    });
    return results;
  });

async function* whole(log: Log): AsyncGenerator<readonly RecordedEvent[]> {
  const done = new AbortController();
  const { filter } = graphProjection;
  for await (const batch of log.subscribe({ after: 0, filter, signal: done.signal })) {
    yield batch.events;
    if (batch.live) done.abort();
  }
}

function foldInto(fold: Fold<GraphChange>, batch: readonly RecordedEvent[]): void {
  fold.add(batch.flatMap((event) => graphProjection.project(event)));
}

/** From the beginning of a rebuild to the promoted generation. */
async function rebuildRate(folder: string, store: ReadStore): Promise<number> {
  const generations = new StoredGenerations(store, graphPlan, limits.foldedCharsMax);
  const rig = await openRig(folder, { projections: [host(graphProjection, generations)] });
  const projector = rig.runtime.projector(graphProjection.name);
  // What follows live must not run beside the rebuild.
  await projector.stop();
  const rate = await rateOf(() => projector.rebuild());
  await rig.close();
  return rate;
}

/** The rows of a fold, copied into tables of the same form without keys and indexes. */
async function copyRate(store: ReadStore, { effects }: Fold<GraphChange>): Promise<number> {
  await store.query('CREATE SCHEMA bare');
  for (const statement of graphPlan.tables('bare')) await store.query(statement);
  for (const { table } of effects) {
    await store.query(`ALTER TABLE bare.${table.name} DROP CONSTRAINT ${table.name}_pkey`);
  }
  return rateOf(() => copyRows(store, 'bare', effects, limits.loadStatementsMax));
}

async function rateOf(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (events * 1_000) / (performance.now() - startMs);
}
