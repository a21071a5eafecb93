/** The embedded node without its doors: bus, actors and the SQLite log in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CreateEntity, contracts, entity, relationship } from '#actors';
import { InProcessBus } from '#adapters/memory';
import { openPglite, openPostgres } from '#adapters/postgres';
import { openSqlite } from '#adapters/sqlite';
import { systemClock, systemIds } from '#adapters/system';
import {
  type ActorDefinition,
  type Bus,
  type HostedProjection,
  type Limits,
  type Log,
  type ReadStore,
  Runtime,
  type Snapshots,
  type Telemetry,
} from '#runtime';
import { createEntity } from '#test/messages';
import { createDatabase, hasPostgres } from '#test/postgres';
import { ToldBus } from '../../infra/told-bus.ts';

export interface Rig {
  readonly folder: string;
  readonly log: Log;
  readonly snapshots: Snapshots;
  readonly bus: Bus;
  readonly runtime: Runtime;
  close(): Promise<void>;
}

export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'cognisync-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a measurement on PGlite in a folder, and on PostgreSQL where it answers; closes the stores. */
export async function onEachStore(
  folder: string,
  say: (line: string) => void,
  measure: (name: string, store: ReadStore) => Promise<void>,
): Promise<void> {
  const measured = async (name: string, store: ReadStore) => {
    say(`into ${name}`);
    await measure(name, store);
    await store.close();
  };
  await measured('PGlite', await openPglite({ dataDir: join(folder, 'read-models') }));
  if (hasPostgres) {
    const database = await createDatabase();
    await measured('PostgreSQL', openPostgres({ url: database.url }));
    await database.drop();
  } else say('no PostgreSQL answers at 127.0.0.1:5432: not measured');
}

export async function openRig(
  folder: string,
  options: {
    projections?: readonly HostedProjection[];
    limits?: Partial<Limits>;
    /** Absent: nobody is told anything. */
    telemetry?: Telemetry;
  } = {},
): Promise<Rig> {
  const { telemetry = { record: () => undefined } } = options;
  const { log, snapshots } = await openSqlite(join(folder, 'log.sqlite'), telemetry);
  const inner = new InProcessBus({ log, clock: systemClock, ids: systemIds });
  const bus = new ToldBus(inner, { clock: systemClock, telemetry });
  const runtime = new Runtime({
    log,
    snapshots,
    bus,
    clock: systemClock,
    ids: systemIds,
    telemetry,
    contracts,
    actors: [entity as ActorDefinition, relationship as ActorDefinition],
    projections: options.projections ?? [],
    limits: options.limits ?? {},
  });
  await runtime.start();
  return {
    folder,
    log,
    snapshots,
    bus,
    runtime,
    close: async () => {
      await runtime.stop();
      await log.close();
    },
  };
}

/** A CREATE_ENTITY of about 300 bytes of payload, as a producer sends it. */
export function command(index: number, at = 0): CreateEntity {
  return createEntity({
    tenantId: 'acme',
    messageId: `bench-${index}-${at}`,
    id: `jira:acme.example:issue:${index}`,
    at,
    properties: { key: `BENCH-${index}`, summary: `Something to measure, number ${index}` },
  });
}

/**
 * Sends commands one by one with `concurrent` of them under way, and answers each one's time from
 * publish to acknowledgement, in ms.
 */
export async function drive(
  { bus }: Rig,
  messages: readonly { messageId: string; body: string }[],
  concurrent: number,
): Promise<readonly number[]> {
  const times: number[] = new Array(messages.length);
  let next = 0;
  const worker = async () => {
    while (next < messages.length) {
      const at = next++;
      const start = performance.now();
      await bus.publish([messages[at]!]);
      times[at] = performance.now() - start;
    }
  };
  await Promise.all(Array.from({ length: concurrent }, worker));
  return times;
}
