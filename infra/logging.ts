/**
 * What an operator reads: JSON lines on stderr, one a happening that matters, at a level that says how
 * much. What happens with every message that goes well is not among them. A message that does not has
 * the specification's form (MessageLogEntry); every line begins with its `level`, `timestamp`, `service`.
 *
 * An outage lets the same thing happen thousands of times a second, so of each kind of warning one line
 * a second is written, and the next one says how many like it were not.
 */
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
      hooks: { streamWrite: redact },
    },
    stream,
  );
}

/** Synchronous: the last line before a crash is the one that is wanted. */
function errorStream(): DestinationStream {
  return destination({ dest: 2, sync: true });
}

/** Null: too frequent for a log; counters and traces are made of it. */
const levels: Readonly<Record<Happening['name'], 'debug' | 'info' | 'warn' | 'error' | null>> = {
  'message-completed': null,
  'message-abandoned': 'warn',
  'message-dead-lettered': 'warn',
  'actor-activated': null,
  'actor-passivated': null,
  'messages-published': null,
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
    if (level === null) return;
    const { name } = happening;
    const line = lineOf(happening);
    if (level === 'warn') this.#warn(name, line);
    else this.#logger[level](line, name);
  }

  #warn(name: Happening['name'], line: object): void {
    const nowMs = this.#clock.now();
    const recent = this.#warnings.get(name);
    if (recent !== undefined && nowMs < recent.untilMs) {
      recent.unwritten += 1;
      return;
    }
    this.#warnings.set(name, { untilMs: nowMs + quietMs, unwritten: 0 });
    const unwritten = recent?.unwritten ?? 0;
    this.#logger.warn(unwritten > 0 ? { ...line, unwritten } : line, name);
  }
}

function lineOf(happening: Happening): object {
  if (happening.name === 'message-abandoned' || happening.name === 'message-dead-lettered') {
    return entryOf(happening);
  }
  const { name, ...what } = happening;
  return 'error' in what ? { ...what, error: undefined, err: what.error } : what;
}

/** What the specification's MessageLogEntry has beside `level`, `timestamp` and `service`. */
function entryOf({
  code,
  messageId,
  messageType = '',
  ms,
  name,
}: Extract<Happening, { readonly messageId: string; readonly code: string }>): object {
  return {
    messageId,
    messageType,
    operation: name === 'message-dead-lettered' ? 'dlq' : 'process',
    ...(ms !== undefined && { duration: ms }),
    error: code,
    metadata: {},
  };
}
