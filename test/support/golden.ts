/**
 * The golden log: history as an early version of this code wrote it, and what it came to. What is in
 * `test/golden` is never written again.
 */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ActorMessage } from '#actors';
import type { Queryable, RecordedEvent } from '#runtime';
import { graphRows } from './graph-rows.ts';
import { definitionOf } from './inspection.ts';

const golden = join(import.meta.dirname, '..', 'golden');

/** A folder that a node takes for its DATA_DIR, with a copy of the golden log. */
export async function goldenDataDir(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'cognisync-golden-'));
  await cp(join(golden, 'log', 'log.sqlite'), join(path, 'log.sqlite'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

export type GoldenTable = 'nodes' | 'edges' | 'links' | 'presences' | 'states';

/** What the golden log came to when it was written. */
export function goldenRows(table: GoldenTable): Promise<readonly unknown[]> {
  return linesOf(`${table}.ndjson`);
}

/** The commands that its tenant `harbour` was made of, in order. */
export function goldenCommands(): Promise<readonly ActorMessage[]> {
  return linesOf('commands.ndjson');
}

async function linesOf<T>(name: string): Promise<readonly T[]> {
  const text = await readFile(join(golden, 'log', name), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** The golden files of a folder: `CREATE_ENTITY.v1.json` under `CREATE_ENTITY.v1`. */
export async function goldenFiles(folder: 'events' | 'commands'): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of (await readdir(join(golden, folder))).sort()) {
    files.set(name.replace(/\.json$/, ''), await readFile(join(golden, folder, name), 'utf8'));
  }
  return files;
}

/** The rows that readers of a store see, in the order of the golden files. */
export async function rowsOf(store: Queryable): Promise<Record<string, readonly unknown[]>> {
  const links = await store.query(
    `SELECT tenant_id AS "tenantId", id, source_id AS "sourceId", target_id AS "targetId", revision,
            since, recorded_at AS "recordedAt", correlation_id AS "correlationId",
            event_id AS "eventId"
       FROM links.link ORDER BY tenant_id, id`,
  );
  const presences = await store.query(
    `SELECT tenant_id AS "tenantId", id, present, revision, position,
            recorded_at AS "recordedAt", correlation_id AS "correlationId", event_id AS "eventId"
       FROM links.presence ORDER BY tenant_id, id`,
  );
  return { ...(await graphRows(store)), links, presences };
}

/** The state of every actor, by the name of its stream. */
export function statesOf(events: readonly RecordedEvent[]): readonly unknown[] {
  const ofActors = events.filter(({ stream }) => /^(entity|relationship)-/.test(stream));
  return [...Map.groupBy(ofActors, ({ stream }) => stream)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([stream, own]) => {
      const { initial, upcast, evolve } = definitionOf(stream);
      const state = own.reduce((before, event) => evolve(before, upcast(event)), initial);
      return { stream, revision: own.at(-1)!.revision, state };
    });
}
