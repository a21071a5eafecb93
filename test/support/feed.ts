/** A feed in a test's hand: a log to append to, rows that come when the test says, and lines that keep. */
import { MemoryBroadcast, MemoryLog } from '#adapters/memory';
import {
  type EndReason,
  Feed,
  type FeedLine,
  type FeedMessage,
  type FeedRequest,
  type Notification,
} from '#projections';
import {
  type Cache,
  type Limits,
  limits,
  Progress,
  type ReadStore,
  type RecordedEvent,
} from '#runtime';
import { ManualClock, quiet } from './clock.ts';
import { plainIds } from './stage.ts';
import { Recorder } from './telemetry.ts';

/** A log that has the events that a test recorded, with the same positions. */
export async function appendTo(log: MemoryLog, events: readonly RecordedEvent[]): Promise<void> {
  for (const { stream, revision: _, position: __, ...event } of events) {
    await log.append(stream, [event], 'any');
  }
}

/** Takes all at once, or nothing while it is `isStuck`. */
export class KeptLine implements FeedLine {
  readonly messages: FeedMessage[] = [];
  ended: { readonly reason: EndReason; readonly position: number } | null = null;
  isStuck = false;
  isAlive = true;
  #backlog = 0;
  #drained: (() => void)[] = [];

  get backlogBytes(): number {
    return this.#backlog;
  }

  /** Notifications alone. */
  get notifications(): readonly Notification[] {
    return this.messages.filter((one): one is Notification => 'change' in one);
  }

  send(messages: readonly FeedMessage[]): void {
    this.messages.push(...messages);
    if (this.isStuck) this.#backlog += JSON.stringify(messages).length;
  }

  drained(): Promise<void> {
    if (!this.isStuck || this.ended !== null) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** The other side takes what waits. */
  flow(): void {
    this.isStuck = false;
    this.#backlog = 0;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  beat(): boolean {
    return this.isAlive;
  }

  end(reason: EndReason, position: number): void {
    this.ended = { reason, position };
    this.flow();
  }
}

export interface FeedInHand {
  readonly log: MemoryLog;
  readonly feed: Feed;
  readonly progress: Progress;
  readonly broadcast: MemoryBroadcast;
  readonly clock: ManualClock;
  readonly telemetry: Recorder;
  /** What the cache was made to forget, in order. */
  readonly forgotten: string[];
  /** Follows on a line of its own. */
  follow(request?: Partial<FeedRequest>, line?: KeptLine): Promise<Following>;
  /** Appends events, and lets the rows reach them. */
  happens(events: readonly RecordedEvent[]): Promise<void>;
}

export interface Following {
  readonly line: KeptLine;
  leave(): void;
}

export async function feedInHand(
  options: {
    log?: MemoryLog;
    store?: ReadStore;
    cache?: Pick<Cache, 'invalidate'>;
    limits?: Partial<Limits>;
  } = {},
): Promise<FeedInHand> {
  const log = options.log ?? new MemoryLog();
  const clock = new ManualClock();
  const telemetry = new Recorder();
  const progress = new Progress();
  progress.advance(await log.head());
  const broadcast = new MemoryBroadcast({ telemetry });
  const forgotten: string[] = [];
  const feed = await Feed.start({
    log,
    store: options.store as ReadStore,
    progress,
    cache: {
      invalidate: async (tenantId, tags) => {
        forgotten.push(...tags.map((tag) => `${tenantId}/${tag}`));
        return options.cache?.invalidate(tenantId, tags) ?? 'told';
      },
    },
    broadcast,
    queryResultTopic: 'query-results',
    clock,
    ids: plainIds,
    telemetry,
    limits: { ...limits, ...options.limits },
  });
  return {
    log,
    feed,
    progress,
    broadcast,
    clock,
    telemetry,
    forgotten,
    follow: async (request = {}, line = new KeptLine()) => {
      const admission = await feed.admit({ tenantId: 'acme', ...request });
      const leave = feed.follow(admission, line);
      await quiet();
      return { line, leave };
    },
    happens: async (events) => {
      await appendTo(log, events);
      progress.advance(await log.head());
      await quiet();
      await quiet();
    },
  };
}
