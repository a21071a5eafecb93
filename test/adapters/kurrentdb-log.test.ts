import { openKurrentDb } from '#adapters/kurrentdb';
import { KurrentStandIn } from '#test/kurrentdb';
import { describeLog } from '../contracts/log.ts';
import { describeSnapshots } from '../contracts/snapshots.ts';

async function make() {
  const server = await KurrentStandIn.start();
  const { log, snapshots } = await openKurrentDb({ connectionString: server.url });
  return {
    log,
    snapshots,
    reopen: async () => (await openKurrentDb({ connectionString: server.url })).log,
    dispose: async () => {
      await log.close();
      server.kill();
    },
  };
}

describeLog('the log on KurrentDB', make);
describeSnapshots('snapshots on KurrentDB', make);
