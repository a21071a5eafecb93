/**
 * The catalogue: every metric that a node has. `test/golden/metrics.ndjson` holds it to that.
 *
 * Those of the specification have its names, those of the semantic conventions have theirs, and ours begin
 * with `cognisync_`. All but the conventions' are spelt as Prometheus wants them, which the translation of
 * OTLP leaves as they are, so that a dashboard works on either way. Labels have few values, from closed
 * lists: no tenant, no id of an entity, nothing that a sender can make up.
 */
import { semantic } from './names.ts';

export interface Metric {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** In UCUM; empty: a state or a ratio. */
  readonly unit: string;
  readonly description: string;
  readonly labels: readonly string[];
  /** Of a histogram: upper bounds of its buckets. */
  readonly bounds?: readonly number[];
}

type Rest = readonly [unit: string, description: string, ...labels: string[]];

const counter = (name: string, ...[unit, description, ...labels]: Rest): Metric => ({
  name,
  kind: 'counter',
  unit,
  description,
  labels,
});
const gauge = (name: string, ...rest: Rest): Metric => ({
  ...counter(name, ...rest),
  kind: 'gauge',
});
const histogram = (name: string, bounds: readonly number[], ...rest: Rest): Metric => ({
  ...counter(name, ...rest),
  kind: 'histogram',
  bounds,
});

/** The conventions' own, for all durations; a message one at a time takes 0.5 ms, so one below 5 ms. */
const seconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const powers = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];
const { destination, errorType, method, operationName, route, status, system } = semantic;

/** By who tells of it. */
export const metrics = {
  // The specification's, of any bus.
  sent: counter(
    'messages_sent_total',
    '{message}',
    'Messages that this node handed to the bus',
    'message_type',
  ),
  received: counter(
    'messages_received_total',
    '{message}',
    'Deliveries that this node handled, whatever came of them',
    'message_type',
  ),
  failed: counter(
    'messages_failed_total',
    '{message}',
    'Deliveries that were abandoned or dead-lettered',
    'message_type',
    'code',
  ),
  deadLettered: counter(
    'messages_dlq_total',
    '{message}',
    'Messages that this node moved to the dead letters',
    'message_type',
    'code',
  ),
  processing: histogram(
    'processing_duration_seconds',
    seconds,
    's',
    'From a delivery until its events are durable, or it has failed',
    'message_type',
    'outcome',
  ),
  queueDepth: gauge(
    'queue_depth',
    '{message}',
    'Messages in this node: waiting to be sent or handled, and in hand',
  ),
  backlog: gauge(
    'subscription_backlog',
    '{message}',
    'Messages in the bus that no node has settled; absent where the bus does not tell',
  ),
  deadLetters: gauge(
    'cognisync_dead_letters',
    '{message}',
    'Dead letters in the bus; absent where the bus does not tell',
  ),

  // The specification's, of Redis.
  redisClients: gauge('redis_connected_clients', '{client}', 'Clients of Redis'),
  redisCommands: counter(
    'redis_commands_processed_total',
    '{command}',
    'Commands that Redis has processed',
  ),
  redisMemory: gauge('redis_memory_usage_bytes', 'By', 'Memory that Redis has allocated'),
  redisChannels: gauge('redis_pubsub_channels', '{channel}', 'Channels that somebody listens to'),
  redisPatterns: gauge('redis_pubsub_patterns', '{pattern}', 'Patterns that somebody listens to'),
  redisUp: gauge('cognisync_redis_up', '', '1 while Redis answers, else 0; absent without Redis'),

  // The semantic conventions'.
  processDuration: histogram(
    'messaging.process.duration',
    seconds,
    's',
    'Duration of processing operation',
    system,
    operationName,
    destination,
    errorType,
  ),
  operationDuration: histogram(
    'messaging.client.operation.duration',
    seconds,
    's',
    'Duration of messaging operation initiated by a producer or consumer client',
    system,
    operationName,
    destination,
    errorType,
  ),
  sentMessages: counter(
    'messaging.client.sent.messages',
    '{message}',
    'Number of messages producer attempted to send to the broker',
    system,
    operationName,
    destination,
    errorType,
  ),
  consumedMessages: counter(
    'messaging.client.consumed.messages',
    '{message}',
    'Number of messages that were delivered to the application',
    system,
    operationName,
    destination,
  ),
  requestDuration: histogram(
    'http.server.request.duration',
    seconds,
    's',
    'Duration of HTTP server requests',
    method,
    route,
    status,
  ),

  // Actors and log.
  activeActors: gauge('cognisync_active_actors', '{actor}', 'Actors that are awake'),
  mailboxMessages: gauge(
    'cognisync_mailbox_messages',
    '{message}',
    'Messages that wait in the mailboxes of this node',
  ),
  turnMessages: histogram(
    'cognisync_turn_messages',
    powers,
    '{message}',
    'Messages that an actor took in one turn that appended',
  ),
  appendDuration: histogram(
    'cognisync_append_duration_seconds',
    seconds,
    's',
    'Time of one append until it was durable, with its repeats',
  ),
  groupEvents: histogram(
    'cognisync_append_group_events',
    powers,
    '{event}',
    'Events that one commit of the embedded log made durable',
  ),
  conflicts: counter(
    'cognisync_append_conflicts_total',
    '{append}',
    'Appends that lost a race to another owner',
  ),
  logPosition: gauge('cognisync_log_position', '{event}', 'The last position of the log'),

  // Projections and index.
  projectionPosition: gauge(
    'cognisync_projection_position',
    '{event}',
    'Position up to which a projection has applied the log',
    'projection',
  ),
  lagEvents: gauge(
    'cognisync_projection_lag_events',
    '{event}',
    'Positions between a projection and the end of the log',
    'projection',
  ),
  lagSeconds: gauge(
    'cognisync_projection_lag_seconds',
    's',
    'Age of the oldest event that a projection has not applied; 0 where it has all',
    'projection',
  ),
  projectionStopped: gauge(
    'cognisync_projection_stopped',
    '',
    '1 while a projection is stopped by an error, else 0',
    'projection',
  ),
  projectionEvents: counter(
    'cognisync_projection_events_total',
    '{event}',
    'Events that this node applied',
    'projection',
  ),
  projectionFailures: counter(
    'cognisync_projection_failures_total',
    '{failure}',
    'Batches that could not be applied',
    'projection',
  ),
  rebuildProgress: gauge(
    'cognisync_rebuild_progress_ratio',
    '',
    'How much of the log a rebuild has read; absent while none runs',
    'projection',
  ),
  pendingDocuments: gauge(
    'cognisync_embedding_pending_documents',
    '{document}',
    'Documents whose text is not in the index yet',
  ),
  failedDocuments: gauge(
    'cognisync_embedding_failed_documents',
    '{document}',
    'Documents that the model can not embed',
  ),
  embeddingCalls: counter(
    'cognisync_embedding_calls_total',
    '{call}',
    'Calls to the embedding model; outcome is ok or the code of the error',
    'outcome',
  ),
  embeddingDuration: histogram(
    'cognisync_embedding_call_duration_seconds',
    [...seconds, 30],
    's',
    'Time of one call to the embedding model',
  ),

  // Feed, cache, shards.
  feedClients: gauge('cognisync_feed_clients', '{client}', 'Followers of the feed on this node'),
  feedEnded: counter(
    'cognisync_feed_ended_total',
    '{client}',
    'Followers that this node sent away',
    'reason',
  ),
  cacheReads: counter(
    'cognisync_cache_reads_total',
    '{read}',
    'Cached reads, by who answered: hit, loaded, or bypassed',
    'outcome',
  ),
  broadcastDropped: counter(
    'cognisync_broadcast_dropped_messages_total',
    '{message}',
    'Notifications that were not told to others, since Redis was away or slow',
  ),
  shardsHeld: gauge('cognisync_shards_held', '{shard}', 'Shards of the bus that this node holds'),
  locksLost: counter(
    'cognisync_shard_locks_lost_total',
    '{shard}',
    'Shards that were lost before they were given back',
  ),

  // The process.
  eventLoopDelay: histogram(
    'cognisync_event_loop_delay_seconds',
    seconds,
    's',
    'How late a timer of this process was, looked at regularly',
  ),
  heapUsed: gauge('cognisync_heap_used_bytes', 'By', 'Heap in use'),
  diskFree: gauge('cognisync_disk_free_bytes', 'By', 'Free room where the data folder is'),
  startTime: gauge('cognisync_start_time_seconds', 's', 'When this process began, in Unix time'),
  buildInfo: gauge('cognisync_build_info', '', 'Always 1', 'version', 'node_version'),
  readsFailed: counter(
    'cognisync_metric_reads_failed_total',
    '{read}',
    'Parts of this node that did not answer a scrape in time, and whose metrics it lacks',
    'part',
  ),
} as const satisfies Readonly<Record<string, Metric>>;
