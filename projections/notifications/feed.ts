/**
 * The live feed of one node: follows the log and hands each notification to those who want it.
 *
 *     log ─▶ narrator ─▶ are the rows there? ─▶ caches forget ─▶ recent ─▶ live followers
 *      ╰───────────── pages of the past ─────────────────────────╰─▶ followers that join
 *
 * V1: nothing of a position leaves before the graph's rows have reached it and this node's cache has
 * forgotten what they replace, so whoever hears of a change reads it. V2: the log is the only memory. What
 * a follower missed is read from it, so a resumed follower gets what it would have got, in order, once.
 * V3: a follower costs what its bounds say; the pace of one is nothing to the others.
 */
import {
  type Broadcast,
  backoffMs,
  type Cache,
  type Clock,
  type Ids,
  type Limits,
  type Log,
  type Progress,
  type ReadStore,
  RuntimeError,
  type Telemetry,
  toRuntimeError,
  traced,
} from '#runtime';
import { FeedFilter, type FeedRequest } from './filter.ts';
import { type FeedLine, Follower } from './follower.ts';
import { forget } from './invalidation.ts';
import type { Notification } from './message.ts';
import { Narrator } from './narrator.ts';
import { neighboursAt } from './neighbours.ts';
import { notifiedEvents } from './notification.ts';
import { Past } from './past.ts';
import { Recent } from './recent.ts';
import { Sessions } from './sessions.ts';

export interface FeedOptions {
  readonly log: Log;
  readonly store: ReadStore;
  /** Of the graph on this node. */
  readonly progress: Progress;
  /** This node's. */
  readonly cache: Pick<Cache, 'invalidate'>;
  readonly broadcast: Pick<Broadcast, 'subscribe'>;
  /** Where query results are told; with the tenant it names a channel. */
  readonly queryResultTopic: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly telemetry: Telemetry;
  readonly limits: Limits;
}

/** A request that may follow, and from where. */
export interface Admission {
  readonly request: FeedRequest;
  readonly filter: FeedFilter;
  readonly position: number;
}

export class Feed {
  readonly #options: FeedOptions;
  readonly #followers = new Set<Follower>();
  readonly #live = new Set<Follower>();
  readonly #abort = new AbortController();
  readonly #past: Past;
  readonly #recent: Recent;
  readonly #sessions: Sessions;
  #running: Promise<unknown> | null = null;

  private constructor(options: FeedOptions, position: number) {
    this.#options = options;
    this.#recent = new Recent(position, options.limits.feedRecentMax);
    this.#past = new Past(options);
    this.#sessions = new Sessions(options.broadcast, options.queryResultTopic);
  }

  /** A feed that runs, from the end of the log on. Throws LOG_UNAVAILABLE. */
  static async start(options: FeedOptions): Promise<Feed> {
    const feed = new Feed(options, await options.log.head());
    feed.#running = Promise.all([feed.#run(), feed.#beat()]);
    return feed;
  }

  /** Everything up to here was handed over. */
  get position(): number {
    return this.#recent.position;
  }

  get followers(): number {
    return this.#followers.size;
  }

  /**
   * Whether a request may follow now, and from where. Throws FEED_FULL, SHUTTING_DOWN, REQUEST_INVALID (a
   * position that the log does not have), QUERY_TOO_LARGE (the neighbourhood), READ_STORE_UNAVAILABLE or
   * LOG_UNAVAILABLE. Follow at once with what it answers.
   */
  async admit(request: FeedRequest): Promise<Admission> {
    this.#assertRoom(request.tenantId);
    const { after, neighbourhood, tenantId } = request;
    if (after !== undefined) await this.#assertReached(after);
    if (neighbourhood === undefined) {
      return { request, filter: new FeedFilter(request), position: after ?? this.position };
    }
    if (after !== undefined && after > this.#options.progress.position) {
      const message = 'the graph of this node has not come to that position yet';
      throw new RuntimeError('READ_STORE_UNAVAILABLE', message);
    }
    const found = await neighboursAt(this.#options, tenantId, neighbourhood, after);
    const filter = new FeedFilter(request, found.neighbours);
    this.#assertRoom(tenantId);
    return { request, filter, position: found.position };
  }

  /** Follows on a line. Answers what must be called when the line is closed. */
  follow({ request, filter, position }: Admission, line: FeedLine): () => void {
    const { clock, limits, telemetry } = this.#options;
    const follower = new Follower({
      request,
      position,
      filter,
      line,
      clock,
      limits,
      onEnd: (reason) => {
        this.#part(follower);
        telemetry.record({ name: 'follower-ended', reason, position: follower.position });
      },
    });
    this.#followers.add(follower);
    if (this.#abort.signal.aborted) follower.end('draining');
    else {
      follower.sayPosition();
      void this.#join(follower);
    }
    return () => {
      follower.leave();
      this.#part(follower);
    };
  }

  /** Sends all followers elsewhere; those that come after may follow. */
  dismiss(): void {
    for (const follower of this.#followers) follower.end('draining');
  }

  /** Takes nobody new, sends all followers elsewhere, and stops. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.dismiss();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, ids, limits, telemetry } = this.#options;
    const { signal } = this.#abort;
    const backoff = { baseMs: limits.retryBaseMs, capMs: limits.retryCapMs };
    for (let attempt = 0; !signal.aborted; ) {
      const before = this.position;
      try {
        if (attempt > 0) await clock.sleep(backoffMs(attempt, backoff, ids.chance()), signal);
        await this.#handOver(signal);
      } catch (thrown) {
        if (signal.aborted) return;
        attempt = this.position > before ? 1 : attempt + 1;
        telemetry.record({ name: 'feed-retried', error: toRuntimeError(thrown), attempt });
      }
    }
  }

  async #handOver(signal: AbortSignal): Promise<void> {
    const { cache, clock, limits, log, progress, telemetry } = this.#options;
    const narrator = new Narrator(log);
    const batches = log.subscribe({
      after: this.position,
      filter: notifiedEvents,
      signal,
      batchMax: limits.feedPageEvents,
    });
    for await (const { events, position } of batches) {
      const tell = async () => {
        const notifications = await narrator.tell(events);
        const last = notifications.at(-1);
        if (last !== undefined) {
          await progress.reached(last.position, signal);
          await forget(cache, notifications);
        }
        return notifications;
      };
      const span = { name: 'notify', kind: 'internal' } as const;
      const notifications = await traced(telemetry.tracer, span, events, tell);
      const startMs = clock.now();
      this.#take(notifications, position);
      const tookMs = clock.now() - startMs;
      if (tookMs > 0) await clock.sleep(Math.min(tookMs / 2, limits.feedPauseMsMax), signal);
    }
  }

  #take(notifications: readonly Notification[], position: number): void {
    this.#recent.add(notifications, position);
    const shared = new Map();
    for (const follower of this.#live) {
      follower.take(notifications, position, shared);
      if (!follower.isFull) continue;
      this.#live.delete(follower);
      void this.#join(follower);
    }
  }

  /** Gives a follower what it missed, as fast as its line takes it, until it has what all have. */
  async #join(follower: Follower): Promise<void> {
    const narrator = new Narrator(this.#options.log);
    const { signal } = this.#abort;
    try {
      this.#sessions.add(follower);
      await follower.room();
      while (!follower.isOver && follower.position < this.position) {
        const from = follower.position;
        const { notifications, position } =
          from >= this.#recent.floor
            ? this.#recent.after(from, stretchMax)
            : await this.#past.after(from, this.position, narrator, signal);
        for (let at = 0; at < notifications.length; at += stretchMax) {
          const stretch = notifications.slice(at, at + stretchMax);
          await follower.catchUp(stretch, stretch.at(-1)!.position);
        }
        await follower.catchUp([], position);
      }
      if (!follower.isOver) this.#live.add(follower);
    } catch (thrown) {
      if (signal.aborted) return;
      const error = toRuntimeError(thrown);
      this.#options.telemetry.record({ name: 'feed-retried', error, attempt: 1 });
      follower.end('failed');
    }
  }

  #part(follower: Follower): void {
    this.#followers.delete(follower);
    this.#live.delete(follower);
    this.#sessions.remove(follower);
  }

  async #beat(): Promise<void> {
    const { clock, limits } = this.#options;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        await clock.sleep(limits.feedHeartbeatMs, signal);
      } catch {
        return;
      }
      for (const follower of this.#followers) follower.beat();
    }
  }

  #assertRoom(tenantId: string): void {
    if (this.#abort.signal.aborted) throw new RuntimeError('SHUTTING_DOWN', 'this node drains');
    const { feedFollowersMax, feedFollowersOfTenantMax } = this.#options.limits;
    const all = this.#followers.size;
    const own = [...this.#followers].filter((one) => one.tenantId === tenantId).length;
    if (all < feedFollowersMax && own < feedFollowersOfTenantMax) return;
    throw new RuntimeError('FEED_FULL', `${all} follow, ${own} of them of this tenant`);
  }

  async #assertReached(after: number): Promise<void> {
    const head = await this.#options.log.head();
    if (Number.isSafeInteger(after) && after >= 0 && after <= head) return;
    throw new RuntimeError('REQUEST_INVALID', `after must be a position from 0 to ${head}`, {
      data: { head },
    });
  }
}

/** Notifications that a follower who joins is sent before its line is asked for room. */
const stretchMax = 50;
