/** What the HTTP adapter asks of a node that is up; infra composes it. */
import type { Connection } from '#adapters/atlassian';
import type {
  CachedReads,
  Feed,
  GraphHistory,
  GraphQueries,
  IndexStanding,
  Retrieval,
} from '#projections';
import type {
  Broadcast,
  Bus,
  Chat,
  Log,
  ReadStore,
  Runtime,
  RuntimeError,
  Telemetry,
} from '#runtime';

/** How far the index is, whichever node keeps it. */
export interface IndexPlace {
  /** Everything up to here is in it. Throws READ_STORE_UNAVAILABLE. */
  position(): Promise<number>;
  /** Resolves when it holds everything up to a position; rejects with the signal's reason. */
  reached(position: number, signal: AbortSignal): Promise<void>;
  /** Why the model gives no vectors, while it does not. */
  readonly failure?: RuntimeError | null;
}

export interface Backend {
  readonly log: Log;
  readonly bus: Bus;
  /** Whether a message is handled when `bus.publish` resolves; a broker has only stored it by then. */
  readonly isHandledWhenPublished: boolean;
  readonly graph: GraphQueries;
  readonly cached: CachedReads;
  readonly history: GraphHistory;
  readonly retrieval: Retrieval;
  /** Null where there is no index. */
  readonly index: IndexPlace | null;
  /** Null where no language model is configured. */
  readonly chat: Chat | null;
  readonly broadcast: Pick<Broadcast, 'publish'>;
  /** Of broadcasts: where query results are told. */
  readonly queryResultTopic: string;
  readonly feed: Feed;
  readonly readStore: ReadStore;
  readonly runtime: Pick<Runtime, 'projections' | 'projector'>;
  readonly connections: ReadonlyMap<string, Connection>;
  readonly telemetry: Telemetry;
  /** How far the embedding index is behind; absent where there is none. Rejects with READ_STORE_UNAVAILABLE. */
  readonly indexStanding?: () => Promise<IndexStanding>;
  /** The time on the clock of a read store that has one of its own. Rejects with READ_STORE_UNAVAILABLE. */
  readonly storeTime?: () => Promise<number>;
  /** How Redis stands; absent without one. Rejects with REDIS_UNAVAILABLE. */
  readonly redis?: () => Promise<object>;
  /** Of the disk that holds the data folder. */
  readonly diskFreeBytes?: () => Promise<number>;
}
