/**
 * Rebuilds the graph in small loads and tells how it goes: `LOG-FILE PLACE EVENTS-PER-SECOND`, where the
 * place is a folder or a PostgreSQL URL.
 */
import { contracts } from '#actors';
import { InProcessBus } from '#adapters/memory';
import { openPglite, openPostgres } from '#adapters/postgres';
import { openSqlite } from '#adapters/sqlite';
import { systemClock, systemIds } from '#adapters/system';
import { graphPlan, graphProjection, StoredGenerations } from '#projections';
import { host, Runtime } from '#runtime';

const [file = '', place = '', pace = ''] = process.argv.slice(2);
const { log, snapshots } = await openSqlite(file);
const store = place.startsWith('postgres:')
  ? openPostgres({ url: place })
  : await openPglite({ dataDir: place });
const generations = new StoredGenerations(store, graphPlan, 100_000);
const runtime = new Runtime({
  log,
  snapshots,
  bus: new InProcessBus({ log, clock: systemClock, ids: systemIds }),
  clock: systemClock,
  ids: systemIds,
  telemetry: { record: () => undefined },
  contracts,
  actors: [],
  projections: [host(graphProjection, generations)],
});
const building = async () => (await generations.list()).find(({ state }) => state === 'building');
process.stdout.write(`from ${(await building())?.position ?? 0}\n`);
const projector = runtime.projector('graph');
const rebuilt = projector.rebuild({ eventsPerSecondMax: Number(pace) });
let isOver = false;
const over = rebuilt.finally(() => {
  isOver = true;
});
while (!isOver) {
  process.stdout.write(`at ${(await building())?.position ?? 0}\n`);
  await systemClock.sleep(50);
}
await over;
const { isSame } = await projector.verify();
process.stdout.write(isSame ? 'same as a replay\n' : 'not what a replay gives\n');
await store.close();
await log.close();
