/** Metrics on their own: what a happening comes to, and what a scrape shows of a node. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Metrics,
  metricCatalogue,
  type ObservedNode,
  observeNode,
  observeProcess,
} from '#adapters/otel';
import { systemClock } from '#adapters/system';
import { type Clock, type Happening, limits, type ProjectionStatus } from '#runtime';
import { ManualClock, quiet } from '#test/clock';
import { type Family, familiesIn, labelsOf, valueIn } from '#test/exposition';
import { type GoldenMetric, goldenMetrics } from '#test/golden-metrics';
import { until } from '#test/until';

const messaging = { system: 'in_process', destination: 'commands' };
const metricsOf = (clock: Clock = systemClock) => new Metrics({ clock, messaging });
const error = new Error('for the test');

async function scrape(metrics: Metrics): Promise<ReadonlyMap<string, Family>> {
  return familiesIn(await metrics.exposition());
}

const status: ProjectionStatus = {
  name: 'graph',
  version: 1,
  status: 'live',
  position: 10,
  head: 12,
  lag: 2,
  eventsPerSecond: 0,
  error: null,
  rebuild: null,
};

function node(parts: Partial<ObservedNode> = {}): ObservedNode {
  return {
    log: { head: async () => 12, readAll: async () => [] },
    bus: {
      backlog: async () => ({ here: 3, all: 40 }),
      deadLetters: { count: async () => 2 },
    },
    runtime: { activeActors: 5, waitingMessages: 7, projections: async () => [status] },
    feed: { followers: 1 },
    diskFreeBytes: async () => 1e9,
    ...parts,
  };
}

const created = { messageId: 'm', messageType: 'CREATE_ENTITY' };
const events: readonly Happening[] = [
  { name: 'message-completed', messageId: 'm', messageType: 'CREATE_ENTITY', events: 1, ms: 4 },
  {
    name: 'message-abandoned',
    messageId: 'm',
    code: 'LOG_UNAVAILABLE',
    messageType: 'CREATE_ENTITY',
    ms: 20,
  },
  {
    name: 'message-dead-lettered',
    messageId: 'm',
    code: 'MESSAGE_NOT_JSON',
    messageType: '',
    ms: 0,
  },
  { name: 'messages-published', messages: [created, { messageId: 'n' }], ms: 2 },
  { name: 'messages-published', messages: [created], ms: 9, code: 'BUS_SATURATED' },
  { name: 'turn-appended', stream: 'entity-a/b', messages: 3, events: 4, ms: 6 },
  { name: 'group-committed', events: 80 },
  { name: 'append-conflicted', stream: 'entity-a/b', actual: 3 },
  { name: 'projection-applied', projection: 'graph', events: 25, position: 60 },
  { name: 'projection-retried', projection: 'graph', error, attempt: 1 },
  { name: 'projection-stopped', projection: 'graph', error },
  { name: 'embedder-called', texts: 3, ms: 80 },
  { name: 'embedder-called', texts: 3, ms: 80, code: 'EMBEDDER_UNAVAILABLE' },
  { name: 'request-answered', method: 'GET', route: '/search', status: 200, ms: 3 },
  { name: 'follower-ended', reason: 'lagging', position: 3 },
  { name: 'cache-read', outcome: 'hit' },
  { name: 'broadcast-dropped', channel: 'c', messages: 2 },
  { name: 'shard-taken', shard: '7' },
  { name: 'shard-taken', shard: '8' },
  { name: 'shard-released', shard: '7', reason: 'lost' },
];

/** A process with everything that can be told of one. */
async function everything(): Promise<Metrics> {
  const metrics = metricsOf();
  observeProcess(metrics, { clock: systemClock, limits, version: '1.2.3' })();
  for (const happening of events) metrics.record(happening);
  const redis = {
    connectedClients: 1,
    commandsProcessed: 2,
    memoryBytes: 3,
    pubsubChannels: 4,
    pubsubPatterns: 5,
  };
  const rebuild = { phase: 'loading', position: 6, head: 12 } as ProjectionStatus['rebuild'];
  const runtime = { ...node().runtime, projections: async () => [{ ...status, rebuild }] };
  let looks = 0;
  const whole = node({
    runtime,
    redis: async () => redis,
    indexStanding: async () => ({ pending: 4, failed: 1 }),
    diskFreeBytes: async () => {
      looks += 1;
      if (looks === 1) throw error;
      return 1e9;
    },
  });
  observeNode(whole, { metrics, clock: systemClock, limits });
  await metrics.exposition();
  return metrics;
}

describe('the exposition', () => {
  it('has every metric of the golden list, with its type, unit and labels, and no other', async () => {
    const families = await scrape(await everything());
    const found = [...families.values()].map((family) => ({
      name: family.name,
      type: family.type,
      unit: family.unit,
      labels: labelsOf(family),
    }));
    const byName = (one: GoldenMetric, other: GoldenMetric) => (one.name < other.name ? -1 : 1);
    expect(found.sort(byName)).toEqual(
      goldenMetrics.map((one) => ({ ...one, labels: one.labels.toSorted() })).sort(byName),
    );
    expect(Object.keys(metricCatalogue)).toHaveLength(goldenMetrics.length);
  });

  it('counts what happened', async () => {
    const families = await scrape(await everything());
    const value = (name: string, labels?: Record<string, string>) =>
      valueIn(families, name, labels);
    expect(value('messages_received_total', { message_type: 'CREATE_ENTITY' })).toBe(2);
    expect(value('messages_received_total', { message_type: 'unknown' })).toBe(1);
    expect(
      value('messages_failed_total', { message_type: 'CREATE_ENTITY', code: 'LOG_UNAVAILABLE' }),
    ).toBe(1);
    expect(value('messages_dlq_total', { message_type: 'unknown', code: 'MESSAGE_NOT_JSON' })).toBe(
      1,
    );
    // What the bus did not take is not sent.
    expect(value('messages_sent_total', { message_type: 'CREATE_ENTITY' })).toBe(1);
    expect(
      value('processing_duration_seconds_sum', {
        message_type: 'CREATE_ENTITY',
        outcome: 'completed',
      }),
    ).toBe(0.004);
    expect(value('cognisync_projection_failures_total', { projection: 'graph' })).toBe(2);
    expect(value('cognisync_projection_events_total', { projection: 'graph' })).toBe(25);
    expect(value('cognisync_shards_held')).toBe(1);
    expect(value('cognisync_shard_locks_lost_total')).toBe(1);
    expect(value('cognisync_append_group_events_bucket', { le: '64' })).toBe(0);
    expect(value('cognisync_append_group_events_bucket', { le: '128' })).toBe(1);
    expect(value('cognisync_embedding_calls_total', { outcome: 'EMBEDDER_UNAVAILABLE' })).toBe(1);
  });

  it('puts any values into the buckets that they belong to, and adds them up', async () => {
    const durations = fc.array(fc.integer({ min: -5, max: 20_000 }), { minLength: 1 });
    const { bounds } = metricCatalogue.appendDuration;
    await fc.assert(
      fc.asyncProperty(durations, async (times) => {
        const metrics = metricsOf();
        for (const ms of times) {
          metrics.record({
            name: 'turn-appended',
            stream: 'entity-a/b',
            messages: 1,
            events: 1,
            ms,
          });
        }
        const families = await scrape(metrics);
        const of = (end: string, labels?: Record<string, string>) =>
          valueIn(families, `cognisync_append_duration_seconds_${end}`, labels);
        expect(of('count')).toBe(times.length);
        expect(of('bucket', { le: '+Inf' })).toBe(times.length);
        const sum = times.reduce((all, ms) => all + Math.max(0, ms), 0) / 1_000;
        expect(of('sum')).toBeCloseTo(sum, 6);
        for (const bound of bounds!) {
          const below = times.filter((ms) => ms / 1_000 <= bound).length;
          expect(of('bucket', { le: String(bound) })).toBe(below);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('is made once for all who ask at the same time', async () => {
    const metrics = metricsOf();
    let looks = 0;
    const runtime = {
      get activeActors() {
        looks += 1;
        return 5;
      },
      waitingMessages: 0,
      projections: async () => [],
    };
    const held = Promise.withResolvers<number>();
    const log = { head: () => held.promise, readAll: async () => [] };
    observeNode(node({ log, runtime }), { metrics, clock: systemClock, limits });
    const scrapes = Array.from({ length: 20 }, () => metrics.exposition());
    held.resolve(12);
    expect(new Set(await Promise.all(scrapes)).size).toBe(1);
    expect(looks).toBe(1);
  });
});

describe('what a scrape asks a node for', () => {
  it('is missing, and counted, where it fails or is late; the rest is there', async () => {
    const clock = new ManualClock();
    const metrics = metricsOf(clock);
    const log = { head: () => new Promise<never>(() => undefined), readAll: async () => [] };
    const { deadLetters } = node().bus;
    const bus = { backlog: () => Promise.reject(error), deadLetters };
    observeNode(node({ log, bus }), { metrics, clock, limits });
    const scraping = scrape(metrics);
    await quiet();
    await clock.advance(limits.scrapeMs);
    const families = await scraping;
    expect(families.has('cognisync_log_position')).toBe(false);
    expect(families.has('queue_depth')).toBe(false);
    expect(valueIn(families, 'cognisync_dead_letters')).toBe(2);
    expect(valueIn(families, 'cognisync_active_actors')).toBe(5);
    expect(valueIn(families, 'cognisync_disk_free_bytes')).toBe(1e9);

    const again = scrape(metrics);
    await quiet();
    await clock.advance(limits.scrapeMs);
    const failures = await again;
    const failed = 'cognisync_metric_reads_failed_total';
    expect(valueIn(failures, failed, { part: 'log' })).toBeGreaterThan(0);
    expect(valueIn(failures, failed, { part: 'bus' })).toBeGreaterThan(0);
    expect(clock.waiting).toBe(0);
  });

  it('is asked of the bus and the index no more often than it changes what anybody sees', async () => {
    const clock = new ManualClock();
    const metrics = metricsOf(clock);
    let asked = 0;
    const backlog = async () => ({ here: ++asked, all: null });
    const deadLetters = { count: async () => null };
    observeNode(node({ bus: { backlog, deadLetters } }), { metrics, clock, limits });
    await scrape(metrics);
    const kept = await scrape(metrics);
    expect(valueIn(kept, 'queue_depth')).toBe(1);
    expect(kept.has('subscription_backlog')).toBe(false);
    expect(kept.has('cognisync_dead_letters')).toBe(false);
    expect(valueIn(kept, 'cognisync_metric_reads_failed_total', { part: 'dead-letters' })).toBe(
      undefined,
    );
    await clock.advance(limits.scrapeKeptMs);
    expect(valueIn(await scrape(metrics), 'queue_depth')).toBe(2);
  });

  it('says how old the oldest event is that a projection has not applied', async () => {
    const clock = new ManualClock();
    const recordedAt = new Date(clock.now() - 90_000).toISOString();
    const readAll = async ({ after }: { readonly after: number }) =>
      [{ position: after + 1, metadata: { recordedAt } }] as never;
    const metrics = metricsOf(clock);
    const log = { head: async () => 12, readAll };
    observeNode(node({ log }), { metrics, clock, limits });
    const families = await scrape(metrics);
    const labels = { projection: 'graph' };
    expect(valueIn(families, 'cognisync_projection_lag_events', labels)).toBe(2);
    expect(valueIn(families, 'cognisync_projection_lag_seconds', labels)).toBe(90);
  });

  it('shows a rebuild while it runs and no longer, and a projection that stopped', async () => {
    const metrics = metricsOf();
    let now: ProjectionStatus = {
      ...status,
      rebuild: { phase: 'loading', position: 3, head: 12 } as ProjectionStatus['rebuild'],
    };
    const runtime = { activeActors: 0, waitingMessages: 0, projections: async () => [now] };
    observeNode(node({ runtime }), { metrics, clock: systemClock, limits });
    const ratio = 'cognisync_rebuild_progress_ratio';
    const labels = { projection: 'graph' };
    expect(valueIn(await scrape(metrics), ratio, labels)).toBe(0.25);
    now = { ...status, status: 'stopped' };
    const families = await scrape(metrics);
    expect(families.has(ratio)).toBe(false);
    expect(valueIn(families, 'cognisync_projection_stopped', labels)).toBe(1);
  });

  it('says that Redis is away, rather than nothing', async () => {
    const metrics = metricsOf();
    const redis = () => Promise.reject(error);
    observeNode(node({ redis }), { metrics, clock: systemClock, limits });
    const families = await scrape(metrics);
    expect(valueIn(families, 'cognisync_redis_up')).toBe(0);
    expect(families.has('redis_connected_clients')).toBe(false);
  });
});

describe('the event loop', () => {
  it('is seen to be late by what holds it up', async () => {
    const metrics = metricsOf();
    const end = observeProcess(metrics, {
      clock: systemClock,
      limits: { eventLoopLookMs: 5 },
      version: '1',
    });
    const untilMs = performance.now() + 60;
    while (performance.now() < untilMs);
    const name = 'cognisync_event_loop_delay_seconds';
    await until('the delay is seen', async () => {
      const families = await scrape(metrics);
      const all = valueIn(families, `${name}_count`) ?? 0;
      return all > (valueIn(families, `${name}_bucket`, { le: '0.025' }) ?? 0);
    });
    end();
  });
});
