/**
 * How a node stands when somebody scrapes. What does not answer in time is missing, and counted as such;
 * a scrape never fails for it.
 */
import type { Bus, Clock, DeadLetters, Limits, Log, ProjectionStatus, Runtime } from '#runtime';
import type { Reading } from './meter.ts';
import { metrics } from './metric.ts';
import type { Metrics } from './metrics.ts';
import { Part } from './part.ts';

/** What is looked at; absent: the node has none. */
export interface ObservedNode {
  readonly log: Pick<Log, 'head' | 'readAll'>;
  readonly bus: Pick<Bus, 'backlog'> & { readonly deadLetters: Pick<DeadLetters, 'count'> };
  readonly runtime: Pick<Runtime, 'activeActors' | 'waitingMessages' | 'projections'>;
  readonly feed: { readonly followers: number };
  readonly redis?: () => Promise<RedisStanding>;
  readonly indexStanding?: () => Promise<IndexStanding>;
  readonly diskFreeBytes: () => Promise<number>;
}

/** Of Redis' INFO; over all masters of a Cluster. */
export interface RedisStanding {
  readonly connectedClients: number;
  readonly commandsProcessed: number;
  readonly memoryBytes: number;
  readonly pubsubChannels: number;
  readonly pubsubPatterns: number;
}

/** Of the embedding index. */
export interface IndexStanding {
  readonly pending: number;
  readonly failed: number;
}

interface GaugesOptions {
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly limits: Limits;
}

/** Has the metrics of a node among those that are scraped from now on. */
export function observeNode(
  node: ObservedNode,
  { metrics: ours, clock, limits }: GaugesOptions,
): void {
  const { bus, feed, indexStanding, log, redis, runtime } = node;
  const failed = ours.meter.tally(metrics.readsFailed);
  const part = <T>(name: string, ask: () => Promise<T>, keptMs = 0) =>
    new Part({ ask, keptMs, clock, limits, onFailure: () => failed.of(name).add(1) });
  /** What a part says; nothing where it says nothing. */
  const show = <T>(from: Part<T>, readings: (answer: T) => readonly Reading[]) =>
    ours.observe(async () => {
      const answer = await from.look();
      return answer === null ? [] : readings(answer);
    });

  ours.observe(async () => [
    [metrics.activeActors, runtime.activeActors],
    [metrics.mailboxMessages, runtime.waitingMessages],
    [metrics.feedClients, feed.followers],
  ]);
  show(
    part('log', () => log.head()),
    (head) => [[metrics.logPosition, head]],
  );
  show(
    part('projections', () => datedProjections(node, clock)),
    (dated) => dated.flatMap(projectionReadings),
  );
  show(
    part('bus', () => bus.backlog(), limits.scrapeKeptMs),
    ({ here, all }) => [[metrics.queueDepth, here], ...told(metrics.backlog, all)],
  );
  show(
    part('dead-letters', async () => ({ all: await bus.deadLetters.count() }), limits.scrapeKeptMs),
    ({ all }) => told(metrics.deadLetters, all),
  );
  show(
    part('disk', () => node.diskFreeBytes()),
    (bytes) => [[metrics.diskFree, bytes]],
  );
  if (redis !== undefined) {
    const asked = part('redis', redis);
    ours.observe(async () => redisReadings(await asked.look()));
  }
  if (indexStanding !== undefined) {
    show(part('index', indexStanding, limits.scrapeKeptMs), ({ pending, failed: lost }) => [
      [metrics.pendingDocuments, pending],
      [metrics.failedDocuments, lost],
    ]);
  }
}

function told(metric: Reading[0], value: number | null): readonly Reading[] {
  return value === null ? [] : [[metric, value]];
}

/** That it does not answer is a reading, too. */
function redisReadings(redis: RedisStanding | null): readonly Reading[] {
  if (redis === null) return [[metrics.redisUp, 0]];
  return [
    [metrics.redisUp, 1],
    [metrics.redisClients, redis.connectedClients],
    [metrics.redisCommands, redis.commandsProcessed],
    [metrics.redisMemory, redis.memoryBytes],
    [metrics.redisChannels, redis.pubsubChannels],
    [metrics.redisPatterns, redis.pubsubPatterns],
  ];
}

interface Dated {
  readonly status: ProjectionStatus;
  readonly lagMs: number;
}

async function datedProjections(
  { log, runtime }: Pick<ObservedNode, 'log' | 'runtime'>,
  clock: Clock,
): Promise<readonly Dated[]> {
  const statuses = await runtime.projections();
  const dated = statuses.map(async (status) => {
    const [oldest] =
      status.lag === 0 ? [] : await log.readAll({ after: status.position, limit: 1 });
    if (oldest === undefined) return { status, lagMs: 0 };
    const recordedMs = Date.parse(oldest.metadata.recordedAt);
    return { status, lagMs: Math.max(0, clock.now() - recordedMs) };
  });
  return Promise.all(dated);
}

function projectionReadings({ status, lagMs }: Dated): readonly Reading[] {
  const { name, position, lag, rebuild } = status;
  const readings: Reading[] = [
    [metrics.projectionPosition, position, name],
    [metrics.lagEvents, lag, name],
    [metrics.lagSeconds, lagMs / 1_000, name],
    [metrics.projectionStopped, status.status === 'stopped' ? 1 : 0, name],
  ];
  if (rebuild !== null) {
    const share = rebuild.head === 0 ? 1 : Math.min(1, rebuild.position / rebuild.head);
    readings.push([metrics.rebuildProgress, share, name]);
  }
  return readings;
}
