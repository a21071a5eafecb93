import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openKurrentDb } from '#adapters/kurrentdb';
import { MemoryLog } from '#adapters/memory';
import { openSqlite } from '#adapters/sqlite';
import { replicaOf } from '#runtime';
import { KurrentStandIn } from '#test/kurrentdb';
import { temporaryFolder } from '#test/served';
import { describeReplica } from '../contracts/replica.ts';

describeReplica('any log', async () => {
  const log = new MemoryLog();
  return { log, replica: replicaOf(log), other: replicaOf(log), dispose: () => log.close() };
});

describeReplica('the embedded log', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'log.sqlite');
  const [one, other] = [await openSqlite(file), await openSqlite(file)];
  return {
    log: one.log,
    replica: one.replica,
    other: other.replica,
    dispose: async () => {
      await one.log.close();
      await other.log.close();
      await rm(folder, { recursive: true });
    },
  };
});

describeReplica('the log on KurrentDB', async () => {
  const server = await KurrentStandIn.start();
  const connectionString = server.url;
  const [one, other] = [
    await openKurrentDb({ connectionString }),
    await openKurrentDb({ connectionString }),
  ];
  return {
    log: one.log,
    replica: replicaOf(one.log),
    other: replicaOf(other.log),
    dispose: async () => {
      await one.log.close();
      await other.log.close();
      server.kill();
    },
  };
});
