/**
 * One follower of the feed: where it is, what it wants, and the line to it.
 *
 *     joining ──has all up to now──▶ live ──leaves, or is ended──▶ over
 *        ╰◀── more than limits.feedBacklogBytesMax wait ──╯
 *
 * While it joins it is given stretches of the past at the pace of its line. Live, it is given everything
 * at once, and joins anew when too much waits. A line that makes no room within limits.feedPatienceMs is
 * ended, with the position to come again from. W1: positions are given in order without a gap, so each
 * notification that it wants is sent exactly once on one line.
 */
import { type Clock, type Limits, RuntimeError } from '#runtime';
import type { FeedFilter, FeedRequest } from './filter.ts';
import type { FeedMessage, Notification, QueryResult } from './message.ts';

/**
 * Why the node ends a line. `lagging`: it took too little, and may come again. `silent`: it gave no sign
 * of life. `draining`: this node goes; another or a restart takes it. `overgrown`: its neighbourhood
 * passed its bound. `failed`: the past could not be read; it may come again.
 */
export type EndReason = 'lagging' | 'silent' | 'draining' | 'overgrown' | 'failed';

/** The connection to a follower; an adapter makes it. Nothing of it throws. */
export interface FeedLine {
  /** Sends in order, or keeps until the other side takes it. Lists are shared: never changed. */
  send(messages: readonly FeedMessage[]): void;
  /** Bytes that wait for the other side. */
  readonly backlogBytes: number;
  /** Resolves when nothing waits, or the line is closed. */
  drained(): Promise<void>;
  /** Asks for a sign of life; false where the last time it was asked for in vain. */
  beat(): boolean;
  /** Says why, and where to come again, then closes. */
  end(reason: EndReason, position: number): void;
}

/** What followers with the same filter are given in one round, made once. */
export type Shared = Map<string, readonly Notification[]>;

export interface FollowerParts {
  readonly request: Pick<FeedRequest, 'tenantId' | 'sessionId'>;
  readonly position: number;
  readonly filter: FeedFilter;
  readonly line: FeedLine;
  readonly clock: Clock;
  readonly limits: Limits;
  /** Called where the node ends it, and not where it leaves. */
  readonly onEnd: (reason: EndReason) => void;
}

export class Follower {
  readonly #parts: FollowerParts;
  #position: number;
  #isOver = false;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    this.#position = parts.position;
  }

  get tenantId(): string {
    return this.#parts.request.tenantId;
  }

  get sessionId(): string | undefined {
    return this.#parts.request.sessionId;
  }

  /** Everything up to here that it wants was sent. */
  get position(): number {
    return this.#position;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Its line is closed. */
  leave(): void {
    this.#isOver = true;
  }

  end(reason: EndReason): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts.line.end(reason, this.#position);
    this.#parts.onEnd(reason);
  }

  /** While it joins: what came up to `position`. Resolves when there is room for more. */
  async catchUp(notifications: readonly Notification[], position: number): Promise<void> {
    this.#send(this.#wanted(notifications), position);
    await this.room();
  }

  /** Resolves when its line takes more; ends it where that takes too long. */
  async room(): Promise<void> {
    const { clock, limits, line } = this.#parts;
    const patience = new AbortController();
    const isLate = await Promise.race([
      line.drained().then(() => false),
      clock.sleep(limits.feedPatienceMs, patience.signal).then(
        () => true,
        () => false,
      ),
    ]);
    patience.abort();
    if (isLate) this.end('lagging');
  }

  /** Whether more waits for its line than may. */
  get isFull(): boolean {
    return this.#parts.line.backlogBytes > this.#parts.limits.feedBacklogBytesMax;
  }

  /** Live: what came up to `position`. */
  take(notifications: readonly Notification[], position: number, shared: Shared): void {
    if (this.#isOver) return;
    this.#send(this.#wanted(notifications, shared), position);
  }

  /** A result that finds no room can't come later: the follower is ended, and so it knows. */
  tell(result: QueryResult): void {
    if (this.#isOver) return;
    if (this.isFull) this.end('lagging');
    else this.#parts.line.send([result]);
  }

  /** Tells where it is; ends it where it is silent. */
  beat(): void {
    if (this.#parts.line.beat()) this.sayPosition();
    else this.end('silent');
  }

  sayPosition(): void {
    this.#parts.line.send([{ messageType: 'FEED_POSITION', position: this.#position }]);
  }

  #send(wanted: readonly Notification[], position: number): void {
    if (this.#isOver) return;
    this.#position = Math.max(this.#position, position);
    if (wanted.length > 0) this.#parts.line.send(wanted);
  }

  #wanted(notifications: readonly Notification[], shared?: Shared): readonly Notification[] {
    const { key } = this.#parts.filter;
    const isWhole = (notifications[0]?.position ?? 0) > this.#position;
    if (key === null || shared === undefined || !isWhole) return this.#filtered(notifications);
    const made = shared.get(key) ?? this.#filtered(notifications);
    shared.set(key, made);
    return made;
  }

  #filtered(notifications: readonly Notification[]): readonly Notification[] {
    try {
      return notifications.filter(
        (one) => one.position > this.#position && this.#parts.filter.wants(one),
      );
    } catch (thrown) {
      if (!(thrown instanceof RuntimeError)) throw thrown;
      this.end('overgrown');
      return [];
    }
  }
}
