/**
 * History read again: 200,000 events of 100,000 entities from the log alone, then into the graph as a
 * rebuild does it, on PGlite and on PostgreSQL.
 */
import { join } from 'node:path';
import { openPglite, openPostgres } from '#adapters/postgres';
import { graphPlan, graphProjection, StoredGenerations } from '#projections';
import { host, type ReadStore } from '#runtime';
import { onTheBus } from '#test/messages';
import { createDatabase, hasPostgres } from '#test/postgres';
import type { Benchmark, Result } from './report.ts';
import { command, drive, inFolder, openRig } from './rig.ts';

const entities = 100_000;
const eventsEach = 2;
const events = entities * eventsEach;

export const replay: Benchmark = (say) =>
  inFolder(async (folder) => {
    say(`${events} events of ${entities} entities`);
    const rig = await openRig(folder);
    for (let at = 0; at < eventsEach; at++) {
      const messages = Array.from({ length: entities }, (_, n) => onTheBus(command(n, at)));
      await drive(rig, messages, 2_048);
    }
    const seconds: number[] = [];
    for (let round = 0; round < 3; round++) {
      const start = performance.now();
      const done = new AbortController();
      for await (const batch of rig.log.subscribe({ after: 0, signal: done.signal })) {
        if (batch.live) done.abort();
      }
      seconds.push((performance.now() - start) / 1000);
    }
    await rig.close();
    const log = events / Math.min(...seconds);

    const results: Result[] = [{ label: 'log alone', unit: 'events/s', value: log }];
    const rebuilt = async (label: string, store: ReadStore) => {
      const value = await rebuildRate(folder, store);
      await store.close();
      results.push({ label, unit: 'events/s', value, ratio: value / log });
    };
    say('into PGlite');
    await rebuilt('graph on PGlite', await openPglite({ dataDir: join(folder, 'read-models') }));
    if (hasPostgres) {
      say('into PostgreSQL');
      const database = await createDatabase();
      await rebuilt('graph on PostgreSQL', openPostgres({ url: database.url }));
      await database.drop();
    } else say('no PostgreSQL answers at 127.0.0.1:5432: not measured');
    return results;
  });

/** Events a second from the beginning of a rebuild to the promoted generation. */
async function rebuildRate(folder: string, store: ReadStore): Promise<number> {
  const generations = new StoredGenerations(store, graphPlan);
  const rig = await openRig(folder, { projections: [host(graphProjection, generations)] });
  const projector = rig.runtime.projector('graph');
  // What follows live must not run beside the rebuild.
  await projector.stop();
  const start = performance.now();
  await projector.rebuild();
  const seconds = (performance.now() - start) / 1000;
  await rig.close();
  return events / seconds;
}
