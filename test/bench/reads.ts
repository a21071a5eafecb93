/**
 * Answers about one entity, with and without the cache, in reads a second: 16 questions under way, about
 * the entities of a graph of 1,000 with 10 links each. Cached: each question was asked before, and nothing
 * changes. First: each is asked once, through a cache that has nothing yet.
 */
import { join } from 'node:path';
import { MemoryCache } from '#adapters/memory';
import { openPglite, openPostgres } from '#adapters/postgres';
import { RedisCache, RedisConnection } from '#adapters/redis';
import { systemClock, systemIds } from '#adapters/system';
import {
  CachedReads,
  GraphQueries,
  graphPlan,
  graphProjection,
  StoredGenerations,
} from '#projections';
import { type Cache, limits, type ReadStore } from '#runtime';
import { entityCreated, linkActivated, recorded } from '#test/events';
import { createDatabase, hasPostgres } from '#test/postgres';
import { hasRedis, openRedis } from '#test/redis';
import { Recorder } from '#test/telemetry';
import type { Benchmark, Result } from './report.ts';
import { inFolder } from './rig.ts';

const tenantId = 'acme';
const entities = 1_000;
const linksAnEntity = 10;
const asked = 200;
const underWay = 16;
const measuredMs = 1_000;

interface Compared {
  readonly cache: Cache;
  readonly graph: GraphQueries;
  readonly store: ReadStore;
  readonly label: string;
}

type Reads = Pick<GraphQueries, 'entity' | 'neighbours' | 'neighbourhood'>;

const questions: Readonly<Record<string, (reads: Reads, id: string) => Promise<unknown>>> = {
  entity: (reads, id) => reads.entity(tenantId, id),
  neighbours: (reads, id) => reads.neighbours(tenantId, id, { limit: 50, direction: 'both' }),
  neighbourhood: (reads, id) => reads.neighbourhood(tenantId, id, 1),
};

export const reads: Benchmark = (say) =>
  inFolder(async (folder) => {
    const pglite = await openPglite({ dataDir: join(folder, 'read-models') });
    const results = [...(await measure(say, 'PGlite', pglite))];
    if (!hasPostgres) return results;
    const database = await createDatabase();
    results.push(...(await measure(say, 'PostgreSQL', openPostgres({ url: database.url }))));
    await database.drop();
    return results;
  });

async function measure(
  say: (line: string) => void,
  name: string,
  store: ReadStore,
): Promise<readonly Result[]> {
  const { sink } = await new StoredGenerations(store, graphPlan).live();
  const events = recorded(facts());
  const changes = events.flatMap((event) => graphProjection.project(event));
  await sink.apply({ changes, from: 0, to: events.length });
  await store.query('ANALYZE');
  const graph = new GraphQueries(store);
  const cache = new MemoryCache({ clock: systemClock, telemetry });
  const results: Result[] = [];
  const label = `${name}, cache in memory`;
  results.push(...(await compare(say, { cache, graph, store, label })));
  if (hasRedis) {
    const redis = await redisCache();
    const shared = { cache: redis.cache, graph, store, label: `${name}, cache in Redis` };
    results.push(...(await compare(say, shared)));
    await redis.close();
  }
  await store.close();
  return results;
}

function facts() {
  const ids = Array.from({ length: entities }, (_, n) => `e${n}`);
  const links = ids.flatMap((from, n) =>
    Array.from({ length: linksAnEntity / 2 }, (_, k) => {
      const to = ids[(n * 7 + k * 31 + 1) % entities]!;
      return linkActivated({ tenantId, id: `l${n}-${k}`, from, to });
    }),
  );
  const text = 'What an issue says as a rule. '.repeat(30);
  return [...ids.map((id) => entityCreated({ tenantId, id, properties: { text } })), ...links];
}

const telemetry = { record: () => undefined };

async function redisCache(): Promise<{ cache: Cache; close: () => Promise<void> }> {
  const server = await openRedis();
  const happened = new Recorder();
  const around = { clock: systemClock, ids: systemIds, limits };
  const access = { url: server.url };
  const connection = new RedisConnection({ ...around, telemetry, access, name: 'bench' });
  const cache = new RedisCache({ ...around, telemetry: happened, connection, prefix: 'bench' });
  await happened.first('cache-back');
  return {
    cache,
    close: async () => {
      await cache.close();
      connection.close();
      await server.close();
    },
  };
}

async function compare(
  say: (line: string) => void,
  { cache, graph, label, store }: Compared,
): Promise<readonly Result[]> {
  const cached = new CachedReads({ cache, graph, store, generation: () => 1 });
  const results: Result[] = [];
  for (const [name, ask] of Object.entries(questions)) {
    const uncached = await rate((id) => ask(graph, id));
    const first = await once((id) => ask(cached, id));
    const again = await rate((id) => ask(cached, id));
    const of = `${label}: ${name}`;
    results.push(
      { label: `${of} uncached`, unit: 'reads/s', value: uncached },
      { label: `${of} first`, unit: 'reads/s', value: first, ratio: first / uncached },
      { label: `${of} cached`, unit: 'reads/s', value: again, ratio: again / uncached },
    );
    say(`${of}: ${uncached.toFixed(0)} uncached, ${again.toFixed(0)} cached`);
  }
  return results;
}

/** Reads a second about the same entities again and again. */
async function rate(ask: (id: string) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let done = 0;
  const lane = async (from: number) => {
    for (let n = from; performance.now() - start < measuredMs; n += underWay) {
      await ask(`e${n % asked}`);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: underWay }, (_, from) => lane(from)));
  return (done * 1_000) / (performance.now() - start);
}

/** Reads a second, each entity once. */
async function once(ask: (id: string) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  const lane = async (from: number) => {
    for (let n = from; n < asked; n += underWay) await ask(`e${n}`);
  };
  await Promise.all(Array.from({ length: underWay }, (_, from) => lane(from)));
  return (asked * 1_000) / (performance.now() - start);
}
