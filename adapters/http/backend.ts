/** What the HTTP adapter asks of a node that is up; infra composes it. */
import type { Connection } from '#adapters/atlassian';
import type { CachedReads, Feed, GraphHistory, GraphQueries } from '#projections';
import type { Bus, Log, ReadStore, Runtime, Telemetry } from '#runtime';

export interface Backend {
  readonly log: Log;
  readonly bus: Bus;
  readonly graph: GraphQueries;
  readonly cached: CachedReads;
  readonly history: GraphHistory;
  readonly feed: Feed;
  readonly readStore: ReadStore;
  readonly runtime: Pick<Runtime, 'projections' | 'projector'>;
  readonly connections: ReadonlyMap<string, Connection>;
  readonly telemetry: Telemetry;
}
