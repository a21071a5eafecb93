/**
 * `npm run test:rebuild -- [events]`: a rebuild of a million events on each store, with 200 commands a
 * second arriving and readers asking, told as it is. Ends with 1 where a reader saw what it must not,
 * or the rows are not what a replay gives.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openPglite, openPostgres } from '#adapters/postgres';
import { openSqlite } from '#adapters/sqlite';
import { busyRebuild } from '#test/busy-rebuild';
import { fillLog } from '#test/long-history';
import { createDatabase, hasPostgres } from '#test/postgres';
import { temporaryFolder } from '#test/served';

const events = Number(process.argv[2] ?? 1_000_000);

for (const name of ['PGlite', ...(hasPostgres ? ['PostgreSQL'] : [])]) {
  const folder = await temporaryFolder();
  const database = name === 'PostgreSQL' ? await createDatabase() : null;
  const { log } = await openSqlite(join(folder, 'log.sqlite'));
  await fillLog(log, events);
  const store =
    database === null
      ? await openPglite({ dataDir: join(folder, 'read-models') })
      : openPostgres({ url: database.url });
  const { faults, verification, ...figures } = await busyRebuild({ log, store }, events);
  console.log(name, JSON.stringify({ ...figures, ...verification }));
  for (const fault of faults) console.log(`  ${fault}`);
  if (faults.length > 0 || !verification.isSame) process.exitCode = 1;
  await store.close();
  await log.close();
  await database?.drop();
  await rm(folder, { recursive: true });
}
