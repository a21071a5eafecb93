/**
 * A node put together: which store, which bus, which projections. Knows every adapter and decides
 * nothing else.
 *
 *     log (SQLite) ─▶ read store (PGlite or PostgreSQL) ─▶ bus ─▶ projections ─▶ runtime
 *
 * Opened from left to right and closed the other way round, the log last. Where a part cannot be opened,
 * what was opened before it is closed again.
 */
import { contracts, entity, relationship } from '#actors';
import { pageReaderOf } from '#adapters/atlassian';
import type { Backend } from '#adapters/http';
import { openPglite, openPostgres } from '#adapters/postgres';
import type { RedisInfo } from '#adapters/redis';
import {
  CachedReads,
  Checkpoint,
  Feed,
  GraphHistory,
  GraphQueries,
  graphPlan,
  graphProjection,
  historyPlan,
  historyProjection,
  linksGenerations,
  linksProjection,
  StoredGenerations,
} from '#projections';
import {
  type ActorDefinition,
  type Broadcast,
  type Bus,
  type HostedProjection,
  host,
  limits,
  type ReadStore,
  Runtime,
} from '#runtime';
import { openBus } from './bus.ts';
import type { Config } from './config.ts';
import { freeBytesIn, readModelsIn } from './data-folder.ts';
import { openLog } from './log.ts';
import { foldedCharsMax } from './memory.ts';
import { openRetrieval } from './retrieval.ts';
import { openSharing } from './sharing.ts';
import type { NodeSurroundings } from './surroundings.ts';
import { ToldBus } from './told-bus.ts';

export interface Node extends Backend {
  readonly runtime: Runtime;
  readonly diskFreeBytes: () => Promise<number>;
  /** How Redis stands; absent without one. */
  readonly redis?: () => Promise<RedisInfo>;
  /** Where other services of this process tell what their sessions wait for. */
  readonly broadcast: Broadcast;
  /** Takes nothing new, and finishes what is in flight; false where it took too long. */
  drain(): Promise<boolean>;
  /** Closes the stores. Call after `drain`. */
  close(): Promise<void>;
}

type NodeConfig = Pick<
  Config,
  | 'dataDir'
  | 'databaseUrl'
  | 'rebuildOnStart'
  | 'kurrentDbUrl'
  | 'connections'
  | 'serviceBus'
  | 'messageBus'
  | 'redis'
  | 'blobs'
  | 'embeddings'
  | 'chat'
>;

/**
 * Opens a node; it takes messages when this resolves. Rejects with DATA_FOLDER_IN_USE, DATA_CORRUPT,
 * DATA_FORMAT_NEWER, LOG_UNAVAILABLE, LOG_REFUSED, LOG_FULL, BUS_REFUSED, BUS_UNAVAILABLE, VECTORS_UNSUPPORTED
 * or CONFIG_INVALID.
 */
export async function openNode(config: NodeConfig, surroundings: NodeSurroundings): Promise<Node> {
  await using opening = new AsyncDisposableStack();
  const { log, snapshots } = await openLog(config, surroundings.telemetry);
  opening.defer(() => log.close());
  const readStore = await openReadStore(config);
  opening.defer(() => readStore.close());

  const {
    bus: inner,
    isHandledWhenPublished,
    projections,
    close,
  } = await openBus({ config, log, readStore, surroundings });
  opening.defer(close);
  const bus = new ToldBus(inner, surroundings);
  const sources = new AbortController();
  const sharing = await openSharing({
    config,
    surroundings,
    log,
    readStore,
    progress: () => runtime.projector(graphProjection.name).progress,
    signal: sources.signal,
  });
  opening.defer(() => sharing.close());
  const { index, ...found } = await openRetrieval({
    config,
    surroundings,
    log,
    readStore,
    progress: (name) => runtime.projector(name).progress,
  });
  opening.defer(() => found.close());
  const runtime: Runtime = new Runtime({
    ...surroundings,
    log,
    snapshots,
    bus,
    contracts,
    rebuildOnStart: config.rebuildOnStart,
    actors: [entity as ActorDefinition, relationship as ActorDefinition],
    projections: [
      ...projectionsOf({ config, surroundings, bus, readStore, signal: sources.signal }),
      ...projections,
      ...sharing.projections,
      ...found.projections,
    ],
  });
  const projector = runtime.projector(graphProjection.name);
  const graph = new GraphQueries(readStore);
  const feed = await Feed.start({
    ...surroundings,
    ...sharing,
    log,
    store: readStore,
    progress: projector.progress,
    queryResultTopic,
    limits,
  });
  opening.defer(() => feed.stop());
  await runtime.start();
  index?.start();

  const opened = opening.move();
  return {
    log,
    bus,
    readStore,
    runtime,
    graph,
    cached: new CachedReads({
      cache: sharing.cache,
      store: readStore,
      graph,
      // The feed has the cache forget what it tells of; between the rows and the feed the cache is old.
      generation: () => (feed.position < projector.progress.position ? null : projector.generation),
    }),
    feed,
    retrieval: found.retrieval,
    index,
    chat: found.chat,
    ...(found.indexStanding && { indexStanding: found.indexStanding }),
    isHandledWhenPublished,
    broadcast: sharing.broadcast,
    queryResultTopic,
    ...(sharing.redis && { redis: sharing.redis }),
    history: new GraphHistory({ log, store: readStore, clock: surroundings.clock }),
    connections: config.connections,
    telemetry: surroundings.telemetry,
    ...(config.databaseUrl && { storeTime: () => timeOf(readStore) }),
    diskFreeBytes: () => freeBytesIn(config.dataDir),
    drain: async () => {
      sources.abort();
      const isDrained = await runtime.stop();
      await Promise.all([feed.stop(), index?.stop()]);
      return isDrained;
    },
    close: () => opened.disposeAsync(),
  };
}

/** Where query results are told; with the tenant it names a channel. */
const queryResultTopic = 'query-results';

async function openReadStore({ databaseUrl, dataDir }: NodeConfig): Promise<ReadStore> {
  if (databaseUrl !== undefined) return openPostgres({ url: databaseUrl.reveal() });
  return openPglite({ dataDir: readModelsIn(dataDir) });
}

/** The time on a server's clock, in ms. */
async function timeOf(store: ReadStore): Promise<number> {
  const [row] = await store.query<{ now: number }>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now',
  );
  return row!.now;
}

interface Parts {
  readonly config: NodeConfig;
  readonly surroundings: NodeSurroundings;
  readonly bus: Bus;
  readonly readStore: ReadStore;
  readonly signal: AbortSignal;
}

function projectionsOf(parts: Parts): readonly HostedProjection[] {
  const { bus, config, readStore, signal, surroundings } = parts;
  const { ids } = surroundings;
  const graph = host(
    graphProjection,
    new StoredGenerations(readStore, graphPlan, foldedCharsMax()),
  );
  const links = host(
    linksProjection,
    linksGenerations(
      readStore,
      (messages) => bus.publish(messages),
      (name) => ids.named(name),
    ),
  );
  const pages = [...config.connections.values()].flatMap((connection) => {
    const checkpoint = new Checkpoint(readStore, `pages:${connection.id}`);
    const reader = pageReaderOf(connection, { ...surroundings, bus, checkpoint, signal });
    return reader === null ? [] : host(reader.projection, reader.generations);
  });
  const history = host(historyProjection, new StoredGenerations(readStore, historyPlan));
  return [graph, links, history, ...pages];
}
