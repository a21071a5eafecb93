/**
 * What a queue remembers of a message; its bytes are elsewhere.
 *
 *                 take              defer
 *     ┌─ ready ────────▶ locked ──────────▶ deferred
 *     │    ▲  give back    │  ▲ take deferred   │
 *     │    ╰───────────────┤  ╰────────────────┤      give back: to where it was taken from
 *     ╰──────────▶ settling (being written) ◀──╯
 *                    ╰──▶ gone, or back where it was when the store refuses
 *
 * Only queue.ts changes it. A locked message has a lock; so has a settling one that was locked.
 */
import type { Heap } from './heap.ts';
import type { Session } from './session.ts';

export type MessageState = 'ready' | 'locked' | 'deferred' | 'settling' | 'gone';

export interface Lock {
  /** Unique in its queue for as long as the broker runs. */
  readonly token: number;
  /** Milliseconds since the epoch. In a session the session's own time counts, and this is Infinity. */
  until: number;
  readonly session: Session | null;
}

export interface Arrival {
  readonly sequence: number;
  readonly sessionId: string | null;
  readonly enqueuedAt: number;
  /** Infinity where it never expires. */
  readonly expiresAt: number;
  /** What it counts towards the quota. */
  readonly bytes: number;
  readonly deliveryCount: number;
  readonly isDeferred: boolean;
}

export class Message {
  readonly sequence: number;
  readonly sessionId: string | null;
  readonly enqueuedAt: number;
  readonly expiresAt: number;
  bytes: number;
  /** Deliveries that failed; the one under way is not counted. */
  deliveryCount: number;
  isDeferred: boolean;
  state: MessageState;
  lock: Lock | null = null;
  /** There is an appointment for its expiry already. */
  isExpiryPlanned = false;

  constructor(arrival: Arrival) {
    this.sequence = arrival.sequence;
    this.sessionId = arrival.sessionId;
    this.enqueuedAt = arrival.enqueuedAt;
    this.expiresAt = arrival.expiresAt;
    this.bytes = arrival.bytes;
    this.deliveryCount = arrival.deliveryCount;
    this.isDeferred = arrival.isDeferred;
    this.state = arrival.isDeferred ? 'deferred' : 'ready';
  }
}

export function isEarlier(one: Message, other: Message): boolean {
  return one.sequence < other.sequence;
}

/** The first that is still ready; those that were claimed or have expired are passed over for good. */
export function firstReady(ready: Heap<Message>, now: number): Message | undefined {
  for (let message = ready.first; message !== undefined; message = ready.first) {
    if (message.state === 'ready' && message.expiresAt > now) return message;
    ready.pop();
  }
  return undefined;
}
