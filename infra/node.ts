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
import {
  Checkpoint,
  GraphQueries,
  graphPlan,
  graphProjection,
  linksGenerations,
  linksProjection,
  StoredGenerations,
} from '#projections';
import {
  type ActorDefinition,
  type Bus,
  type HostedProjection,
  host,
  type ReadStore,
  Runtime,
} from '#runtime';
import { openBus } from './bus.ts';
import type { Config } from './config.ts';
import { readModelsIn } from './data-folder.ts';
import { openLog } from './log.ts';
import type { NodeSurroundings } from './surroundings.ts';

export interface Node extends Backend {
  /** Takes nothing new, and finishes what is in flight; false where it took too long. */
  drain(): Promise<boolean>;
  /** Closes the stores. Call after `drain`. */
  close(): Promise<void>;
}

type NodeConfig = Pick<Config, 'dataDir' | 'databaseUrl' | 'connections' | 'serviceBus' | 'blobs'>;

/**
 * Opens a node; it takes messages when this resolves. Rejects with DATA_FOLDER_IN_USE, DATA_CORRUPT,
 * DATA_FORMAT_NEWER, LOG_UNAVAILABLE, LOG_FULL, BUS_REFUSED, BUS_UNAVAILABLE or CONFIG_INVALID.
 */
export async function openNode(config: NodeConfig, surroundings: NodeSurroundings): Promise<Node> {
  await using opening = new AsyncDisposableStack();
  const { log, snapshots } = await openLog(config);
  opening.defer(() => log.close());
  const readStore = await openReadStore(config);
  opening.defer(() => readStore.close());

  const { bus, projections, close } = await openBus({ config, log, readStore, surroundings });
  opening.defer(close);
  const sources = new AbortController();
  const runtime = new Runtime({
    ...surroundings,
    log,
    snapshots,
    bus,
    contracts,
    actors: [entity as ActorDefinition, relationship as ActorDefinition],
    projections: [
      ...projectionsOf({ config, surroundings, bus, readStore, signal: sources.signal }),
      ...projections,
    ],
  });
  await runtime.start();

  const opened = opening.move();
  return {
    log,
    bus,
    readStore,
    runtime,
    graph: new GraphQueries(readStore),
    connections: config.connections,
    telemetry: surroundings.telemetry,
    drain: () => {
      sources.abort();
      return runtime.stop();
    },
    close: () => opened.disposeAsync(),
  };
}

async function openReadStore({ databaseUrl, dataDir }: NodeConfig): Promise<ReadStore> {
  if (databaseUrl !== undefined) return openPostgres({ url: databaseUrl.reveal() });
  return openPglite({ dataDir: readModelsIn(dataDir) });
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
  const graph = host(graphProjection, new StoredGenerations(readStore, graphPlan));
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
  return [graph, links, ...pages];
}
