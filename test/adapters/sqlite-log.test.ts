import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite } from '#adapters/sqlite';
import { describeLog } from '../contracts/log.ts';
import { describeSnapshots } from '../contracts/snapshots.ts';

async function make() {
  const folder = await mkdtemp(join(tmpdir(), 'cognisync-log-'));
  const file = join(folder, 'log.sqlite');
  const { log, snapshots } = await openSqlite(file);
  return {
    log,
    snapshots,
    reopen: async () => (await openSqlite(file)).log,
    dispose: async () => {
      await log.close();
      await rm(folder, { recursive: true });
    },
  };
}

describeLog('the embedded log', make);
describeSnapshots('snapshots in the embedded log', make);
