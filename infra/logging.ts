/**
 * What an operator reads: JSON lines on stderr, one a happening that matters, at a level that says how
 * much. What happens with every message that goes well is told at `debug` alone. What is told of messages
 * has the specification's form (MessageLogEntry); every line begins with its `level`, `timestamp`,
 * `service`, and one that is written within a recorded span has the ids of that.
 *
 * An outage lets the same thing happen thousands of times a second, so of each kind of warning one line
 * a second is written, and the next one says how many like it were not.
 */
import { trace } from '@opentelemetry/api';
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type { Clock, Happening, Telemetry } from '#runtime';
import type { LogLevel } from './config.ts';
import type { Redact } from './redaction.ts';

/** `stream`: where lines go; absent: stderr. */
export function createLogger(
  level: LogLevel,
  redact: Redact,
  stream: DestinationStream = errorStream(),
): Logger {
  return pino(
    {
      level,
      base: { service: 'cognisync' },
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      mixin: traceIds,
      hooks: { streamWrite: redact },
    },
    stream,
  );
}

/** The recorded span that is open, in the words that OpenTelemetry has for logs; empty without one. */
function traceIds(): object {
  const span = trace.getActiveSpan();
  // Work that began within a span may outlive it, and serve others by then.
  if (!span?.isRecording()) return {};
  const { spanId, traceFlags, traceId } = span.spanContext();
  return {
    trace_id: traceId,
    span_id: spanId,
    trace_flags: traceFlags.toString(16).padStart(2, '0'),
  };
}

/** Synchronous: the last line before a crash is the one that is wanted. */
function errorStream(): DestinationStream {
  return destination({ dest: 2, sync: true });
}

/** Null: too frequent for a log; counters and traces are made of it. */
const levels: Readonly<Record<Happening['name'], 'debug' | 'info' | 'warn' | 'error' | null>> = {
  'message-completed': 'debug',
  'message-abandoned': 'warn',
  'message-dead-lettered': 'warn',
  'actor-activated': null,
  'actor-passivated': null,
  'messages-published': 'debug',
  'turn-appended': null,
  'group-committed': null,
  'append-conflicted': 'debug',
  'append-retried': 'warn',
  'recovery-retried': 'warn',
  'snapshot-saved': null,
  'snapshot-failed': 'warn',
  'projection-applied': null,
  'projection-live': 'debug',
  'projection-retried': 'warn',
  'projection-overtaken': 'debug',
  'projection-stopped': 'error',
  'projection-rebuilt': 'info',
  'shard-taken': null,
  'shard-paused': 'warn',
  'shard-released': null,
  'intake-routed': null,
  'bus-retried': 'warn',
  'bus-doubted': 'warn',
  'source-event-ignored': 'debug',
  'page-read': 'debug',
  'broadcast-dropped': 'warn',
  'cache-read': null,
  'cache-refused': null,
  'cache-away': 'warn',
  'cache-back': 'info',
  'redis-away': 'warn',
  'redis-back': 'info',
  'feed-retried': 'warn',
  'follower-ended': 'debug',
  'request-answered': null,
  'search-degraded': 'warn',
  'documents-indexed': 'debug',
  'indexing-retried': 'warn',
  'embedder-called': null,
  'tracing-failed': 'warn',
  'background-failed': 'error',
};

const quietMs = 1_000;

export class LoggedTelemetry implements Telemetry {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #warnings = new Map<Happening['name'], { untilMs: number; unwritten: number }>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  record(happening: Happening): void {
    const level = levels[happening.name];
    if (level === null || !this.#logger.isLevelEnabled(level)) return;
    if (level === 'warn') this.#warn(happening);
    else this.#logger[level](lineOf(happening), happening.name);
  }

  #warn(happening: Happening): void {
    const { name } = happening;
    const nowMs = this.#clock.now();
    const recent = this.#warnings.get(name);
    if (recent !== undefined && nowMs < recent.untilMs) {
      recent.unwritten += 1;
      return;
    }
    this.#warnings.set(name, { untilMs: nowMs + quietMs, unwritten: 0 });
    const unwritten = recent?.unwritten ?? 0;
    const line = lineOf(happening);
    this.#logger.warn(unwritten > 0 ? { ...line, unwritten } : line, name);
  }
}

function lineOf(happening: Happening): object {
  switch (happening.name) {
    case 'messages-published':
      return sendEntry(happening);
    case 'message-completed':
      return entryOf('complete', happening, { events: happening.events });
    case 'message-abandoned':
      return entryOf('process', happening);
    case 'message-dead-lettered':
      return entryOf('dlq', happening);
    default: {
      const { name, ...what } = happening;
      return 'error' in what ? { ...what, error: undefined, err: what.error } : what;
    }
  }
}

interface ToldMessage {
  readonly messageId: string;
  readonly messageType?: string | undefined;
  readonly ms?: number;
  readonly code?: string;
}

/** What the specification's MessageLogEntry has beside `level`, `timestamp` and `service`. */
function entryOf(
  operation: 'send' | 'process' | 'complete' | 'dlq',
  { code, messageId, messageType = '', ms }: ToldMessage,
  metadata: object = {},
): object {
  return {
    messageId,
    messageType,
    operation,
    ...(ms !== undefined && { duration: ms }),
    ...(code !== undefined && { error: code }),
    metadata,
  };
}

/** One for all that was published together: of several it tells how many of which type. */
function sendEntry({
  messages,
  ...taken
}: Extract<Happening, { readonly name: 'messages-published' }>): object {
  const [first] = messages;
  if (messages.length === 1 && first !== undefined) {
    const { messageId, messageType } = first;
    return entryOf('send', { ...taken, messageId, messageType });
  }
  const types = new Map<string, number>();
  for (const { messageType = 'unknown' } of messages) {
    types.set(messageType, (types.get(messageType) ?? 0) + 1);
  }
  const summary = { messages: messages.length, types: Object.fromEntries(types) };
  return entryOf('send', { ...taken, messageId: '' }, summary);
}
