/**
 * What happens, counted. The catalogue (metric.ts) says what each metric means; gauges.ts asks for what
 * does not happen but is.
 */
import type { Clock, Happening, Telemetry } from '#runtime';
import { expositionOf } from './exposition.ts';
import { Meter, type Observer } from './meter.ts';
import { metrics } from './metric.ts';

/** Which bus the messages go over, in the conventions' words. */
export interface MessagingPlace {
  readonly system: string;
  readonly destination: string;
}

export interface MetricsOptions {
  readonly clock: Clock;
  readonly messaging: MessagingPlace;
}

type Of<Name extends Happening['name']> = Extract<Happening, { readonly name: Name }>;
type Counting = {
  readonly [Name in Happening['name']]?: (happening: Of<Name>) => void;
};

export class Metrics implements Telemetry {
  /** For who pushes them; `exposition` is for who scrapes. */
  readonly meter: Meter;
  readonly #counting: Counting;
  #scrape: Promise<string> | null = null;

  constructor({ clock, messaging }: MetricsOptions) {
    this.meter = new Meter(clock);
    this.#counting = {
      ...messageCounts(this.meter, messaging),
      ...actorCounts(this.meter),
      ...projectionCounts(this.meter),
      ...serviceCounts(this.meter),
    };
  }

  record(happening: Happening): void {
    const count = this.#counting[happening.name] as ((one: Happening) => void) | undefined;
    count?.(happening);
  }

  observe(observer: Observer): void {
    this.meter.observe(observer);
  }

  /** All of it in Prometheus' text format. Who asks while another's scrape is under way gets that. */
  exposition(): Promise<string> {
    this.#scrape ??= this.meter
      .collect()
      .then(({ resourceMetrics }) => expositionOf(resourceMetrics))
      .finally(() => {
        this.#scrape = null;
      });
    return this.#scrape;
  }
}

function messageCounts(meter: Meter, { system, destination }: MessagingPlace): Counting {
  const sent = meter.tally(metrics.sent);
  const received = meter.tally(metrics.received);
  const failed = meter.tally(metrics.failed);
  const deadLettered = meter.tally(metrics.deadLettered);
  const processing = meter.histogram(metrics.processing);
  const processDuration = meter.histogram(metrics.processDuration);
  const operationDuration = meter.histogram(metrics.operationDuration);
  const sentMessages = meter.tally(metrics.sentMessages);
  const consumed = meter.tally(metrics.consumedMessages).of(system, 'process', destination);
  // Found once, for what happens with every message.
  const processed = processDuration.of(system, 'process', destination);
  const published = operationDuration.of(system, 'send', destination);
  const publishedMessages = sentMessages.of(system, 'send', destination);

  const arrived = (messageType: string, outcome: string, ms: number) => {
    received.of(messageType).add(1);
    consumed.add(1);
    processing.of(messageType, outcome).record(ms / 1_000);
  };
  const notDone = (messageType: string, outcome: string, code: string, ms?: number) => {
    failed.of(messageType, code).add(1);
    if (ms === undefined) {
      // The bus itself refused it: it came, and was not processed.
      received.of(messageType).add(1);
      consumed.add(1);
      return;
    }
    arrived(messageType, outcome, ms);
    processDuration.of(system, 'process', destination, code).record(ms / 1_000);
  };
  return {
    'message-completed': ({ messageType, ms }) => {
      arrived(messageType, 'completed', ms);
      processed.record(ms / 1_000);
    },
    'message-abandoned': ({ messageType, ms, code }) =>
      notDone(typeOf(messageType), 'abandoned', code, ms),
    'message-dead-lettered': ({ messageType, ms, code }) => {
      notDone(typeOf(messageType), 'dead-lettered', code, ms);
      deadLettered.of(typeOf(messageType), code).add(1);
    },
    'messages-published': ({ messages, ms, code }) => {
      if (code !== undefined) {
        sentMessages.of(system, 'send', destination, code).add(messages.length);
        operationDuration.of(system, 'send', destination, code).record(ms / 1_000);
        return;
      }
      publishedMessages.add(messages.length);
      published.record(ms / 1_000);
      for (const { messageType } of messages) sent.of(typeOf(messageType)).add(1);
    },
  };
}

function typeOf(messageType: string | undefined): string {
  return messageType || 'unknown';
}

function actorCounts(meter: Meter): Counting {
  const turnMessages = meter.histogram(metrics.turnMessages).of();
  const appendDuration = meter.histogram(metrics.appendDuration).of();
  const groupEvents = meter.histogram(metrics.groupEvents).of();
  const conflicts = meter.tally(metrics.conflicts).of();
  return {
    'turn-appended': ({ messages, ms }) => {
      turnMessages.record(messages);
      appendDuration.record(ms / 1_000);
    },
    'group-committed': ({ events }) => groupEvents.record(events),
    'append-conflicted': () => conflicts.add(1),
  };
}

function projectionCounts(meter: Meter): Counting {
  const events = meter.tally(metrics.projectionEvents);
  const failures = meter.tally(metrics.projectionFailures);
  const calls = meter.tally(metrics.embeddingCalls);
  const callDuration = meter.histogram(metrics.embeddingDuration).of();
  const failed = ({ projection }: { readonly projection: string }) =>
    failures.of(projection).add(1);
  return {
    'projection-applied': (happening) => events.of(happening.projection).add(happening.events),
    'projection-retried': failed,
    'projection-stopped': failed,
    'embedder-called': ({ ms, code = 'ok' }) => {
      calls.of(code).add(1);
      callDuration.record(ms / 1_000);
    },
  };
}

function serviceCounts(meter: Meter): Counting {
  const requestDuration = meter.histogram(metrics.requestDuration);
  const feedEnded = meter.tally(metrics.feedEnded);
  const cacheReads = meter.tally(metrics.cacheReads);
  const broadcastDropped = meter.tally(metrics.broadcastDropped).of();
  const shardsHeld = meter.tally(metrics.shardsHeld).of();
  const locksLost = meter.tally(metrics.locksLost).of();
  return {
    'request-answered': ({ method, route, status, ms }) =>
      requestDuration.of(method, route, String(status)).record(ms / 1_000),
    'follower-ended': ({ reason }) => feedEnded.of(reason).add(1),
    'cache-read': ({ outcome }) => cacheReads.of(outcome).add(1),
    'broadcast-dropped': ({ messages }) => broadcastDropped.add(messages),
    'shard-taken': () => shardsHeld.add(1),
    'shard-released': ({ reason }) => {
      shardsHeld.add(-1);
      if (reason === 'lost') locksLost.add(1);
    },
  };
}
