/**
 * A queue: which message is next, who holds what and for how long. Pure: it neither stores nor sends,
 * and it is told the time. A subscription is a queue too, and so are dead letters.
 *
 * Settling has two halves, since what is answered must be durable first: `claim` checks the lock and
 * keeps everybody off; then, once the store has it, one of `remove`, `giveBack`, `putAside`, or
 * `restore` when the store refused.
 *
 * Q1: a message is held by one receiver at most. Q2: messages are taken in the order of their
 * sequence numbers, those given back before later ones; in a session only by its owner. Q3: after its
 * time a lock settles nothing. Q4: nothing here grows without a message, a session's state or an owner
 * behind it.
 */
import { Agenda } from './agenda.ts';
import { Heap } from './heap.ts';
import { type Arrival, firstReady, isEarlier, type Lock, Message } from './message.ts';
import { conditions, Refusal } from './refusal.ts';
import { type Owner, type Session, Sessions } from './session.ts';

export interface QueueSettings {
  readonly lockMs: number;
  /** Failed deliveries after which a message is a dead letter; Infinity for dead letters. */
  readonly deliveriesMax: number;
  readonly requiresSession: boolean;
}

/** What has become due. Messages of `expired` and `exhausted` are claimed. */
export type Overdue =
  | { readonly kind: 'expired' | 'exhausted' | 'returned'; readonly message: Message }
  | { readonly kind: 'session lost'; readonly session: Session; readonly owner: Owner };

type QueueDue =
  | { readonly at: number; readonly kind: 'lock' | 'expiry'; readonly of: Message }
  | { readonly at: number; readonly kind: 'session'; readonly of: Session };

export class Queue {
  readonly settings: QueueSettings;
  readonly #messages = new Map<number, Message>();
  readonly #byToken = new Map<number, Message>();
  readonly #ready = new Heap<Message>(isEarlier);
  readonly #sessions = new Sessions();
  readonly #agenda = new Agenda<QueueDue>(isStanding);
  #tokens = 0;
  #bytes = 0;

  constructor(settings: QueueSettings) {
    this.settings = settings;
  }

  get size(): number {
    return this.#messages.size;
  }

  /** Of its messages and session states, as they count towards the quota. */
  get bytes(): number {
    return this.#bytes;
  }

  get(sequence: number): Message | undefined {
    return this.#messages.get(sequence);
  }

  session(id: string): Session | undefined {
    return this.#sessions.find(id);
  }

  /** The time at which `overdue` should be asked next; Infinity for never. It may ask too often. */
  get nextDeadline(): number {
    return this.#agenda.next;
  }

  admit(arrival: Arrival): Message {
    const message = new Message(arrival);
    this.#messages.set(message.sequence, message);
    this.#bytes += message.bytes;
    if (this.settings.requiresSession) this.#sessions.of(message.sessionId ?? '').messages += 1;
    this.#place(message);
    return message;
  }

  /** Locks the next ready message of a queue without sessions. */
  take(now: number): Message | null {
    return this.#lockNext(this.#ready, now, null);
  }

  /** Locks the next ready message of a session; null where there is none or the owner has lost it. */
  takeFrom(session: Session, owner: Owner, now: number): Message | null {
    return session.isHeldBy(owner, now) ? this.#lockNext(session.ready, now, session) : null;
  }

  /** Locks a deferred message. Throws message-not-found, and session-lock-lost where it has one. */
  takeDeferred(sequence: number, owner: Owner | null, now: number): Message {
    const message = this.#messages.get(sequence);
    if (message?.state !== 'deferred' || message.expiresAt <= now) {
      const text = `No message with the sequence number ${sequence} is deferred here.`;
      throw new Refusal(conditions.messageNotFound, text);
    }
    if (!this.settings.requiresSession) return this.#lock(message, now, null);
    const session = this.#sessions.of(message.sessionId ?? '');
    if (owner === null || !session.isHeldBy(owner, now)) throw this.#lockLost();
    return this.#lock(message, now, session);
  }

  /** Gives a session to an owner, whether it has messages or not. Throws session-cannot-be-locked. */
  accept(id: string, owner: Owner, now: number): Session {
    const session = this.#sessions.of(id);
    if (session.owner !== null) {
      const text = `The requested session '${id}' cannot be accepted. It may be locked by another receiver.`;
      throw new Refusal(conditions.sessionLocked, text);
    }
    return this.#give(session, owner, now);
  }

  /** Gives the session that has waited longest; null where none with a ready message is free. */
  acceptNext(owner: Owner, now: number): Session | null {
    const session = this.#sessions.next(now);
    return session === undefined ? null : this.#give(session, owner, now);
  }

  /** The owner gives its session back. No delivery of it counts as failed. */
  leave(session: Session, owner: Owner): void {
    if (session.owner !== owner) return;
    session.owner = null;
    for (const message of session.held) {
      if (message.state === 'locked') this.giveBack(message, message.deliveryCount);
    }
    this.#sessions.offer(session);
    this.#sessions.forgetIfDone(session);
  }

  /** The new end of the lock. Throws message-lock-lost. */
  renew(token: number, now: number): number {
    const { lock } = this.#lockedBy(token, now);
    if (lock.session !== null) return this.renewSession(lock.session, now);
    lock.until = now + this.settings.lockMs;
    this.#plan({ at: lock.until, kind: 'lock', of: this.#byToken.get(token)! });
    return lock.until;
  }

  /** The new end of a session's lock; the caller has checked who holds it. */
  renewSession(session: Session, now: number): number {
    session.lockedUntil = now + this.settings.lockMs;
    this.#plan({ at: session.lockedUntil, kind: 'session', of: session });
    return session.lockedUntil;
  }

  /** Keeps a session's state; the caller has checked who holds it. */
  keepState(id: string, state: Uint8Array | null): void {
    const session = this.#sessions.of(id);
    this.#bytes += (state?.length ?? 0) - (session.state?.length ?? 0);
    session.state = state;
    this.#sessions.forgetIfDone(session);
  }

  /** First half of settling. Throws message-lock-lost or session-lock-lost. */
  claim(token: number, now: number): Message {
    const { message } = this.#lockedBy(token, now);
    message.state = 'settling';
    return message;
  }

  /** It is completed, dead-lettered, expired. */
  remove(message: Message): void {
    this.#unlock(message);
    message.state = 'gone';
    this.#messages.delete(message.sequence);
    this.#bytes -= message.bytes;
    if (!this.settings.requiresSession) return;
    const session = this.#sessions.of(message.sessionId ?? '');
    session.messages -= 1;
    this.#sessions.forgetIfDone(session);
  }

  /** It can be taken again: a ready one in its place, a deferred one by its number. */
  giveBack(message: Message, deliveryCount: number): void {
    this.#unlock(message);
    message.deliveryCount = deliveryCount;
    this.#place(message);
  }

  /** It is deferred: whoever knows its number can take it. */
  putAside(message: Message, deliveryCount: number): void {
    message.isDeferred = true;
    this.giveBack(message, deliveryCount);
  }

  /** The store refused: everything is as before the claim, and a lock may end meanwhile. */
  restore(message: Message): void {
    if (message.lock === null) {
      this.#place(message);
      return;
    }
    message.state = 'locked';
    const { until, session } = message.lock;
    if (session === null) this.#plan({ at: until, kind: 'lock', of: message });
    else if (session.owner === null) this.giveBack(message, message.deliveryCount);
  }

  /** It changes its size, as its properties are modified. */
  resize(message: Message, bytes: number): void {
    this.#bytes += bytes - message.bytes;
    message.bytes = bytes;
  }

  /** Whether one more failed delivery makes it a dead letter. */
  isLastDelivery(message: Message): boolean {
    return message.deliveryCount + 1 >= this.settings.deliveriesMax;
  }

  /** Ends what has become due by now, about so much of it; the rest is still due. */
  overdue(now: number, countMax = Number.POSITIVE_INFINITY): readonly Overdue[] {
    const found: Overdue[] = [];
    while (found.length < countMax) {
      const due = this.#agenda.take(now);
      if (due === undefined) break;
      if (due.kind === 'session') this.#loseSession(due.of, found);
      else if (due.kind === 'lock') this.#failDelivery(due.of, found);
      else this.#expire(due.of, found);
    }
    return found;
  }

  #expire(message: Message, found: Overdue[]): void {
    message.isExpiryPlanned = false;
    // Whoever has it may go on with it; when it comes back, its expiry is planned again.
    if (message.state !== 'ready' && message.state !== 'deferred') return;
    message.state = 'settling';
    found.push({ kind: 'expired', message });
  }

  #loseSession(session: Session, found: Overdue[]): void {
    const owner = session.owner!;
    session.owner = null;
    found.push({ kind: 'session lost', session, owner });
    for (const message of session.held) {
      if (message.state === 'locked') this.#failDelivery(message, found);
    }
    this.#sessions.offer(session);
    this.#sessions.forgetIfDone(session);
  }

  #failDelivery(message: Message, found: Overdue[]): void {
    if (this.isLastDelivery(message)) {
      this.#unlock(message);
      message.state = 'settling';
      found.push({ kind: 'exhausted', message });
      return;
    }
    this.giveBack(message, message.deliveryCount + 1);
    found.push({ kind: 'returned', message });
  }

  #lockedBy(token: number, now: number): { readonly message: Message; readonly lock: Lock } {
    const message = this.#byToken.get(token);
    if (message?.state !== 'locked' || message.lock === null) throw this.#lockLost();
    const { lock } = message;
    const until = lock.session === null ? lock.until : lock.session.lockedUntil;
    if (until <= now) throw this.#lockLost();
    return { message, lock };
  }

  #lockLost(): Refusal {
    return this.settings.requiresSession
      ? new Refusal(
          conditions.sessionLockLost,
          'The session lock has expired on the MessageSession. Accept a new MessageSession.',
        )
      : new Refusal(
          conditions.messageLockLost,
          'The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.',
        );
  }

  #lockNext(ready: Heap<Message>, now: number, session: Session | null): Message | null {
    const message = firstReady(ready, now);
    if (message === undefined) return null;
    ready.pop();
    return this.#lock(message, now, session);
  }

  #lock(message: Message, now: number, session: Session | null): Message {
    const token = ++this.#tokens;
    const until = session === null ? now + this.settings.lockMs : Number.POSITIVE_INFINITY;
    message.state = 'locked';
    message.lock = { token, until, session };
    this.#byToken.set(token, message);
    if (session === null) this.#plan({ at: until, kind: 'lock', of: message });
    else session.held.add(message);
    return message;
  }

  #unlock(message: Message): void {
    if (message.lock === null) return;
    this.#byToken.delete(message.lock.token);
    message.lock.session?.held.delete(message);
    message.lock = null;
  }

  #place(message: Message): void {
    message.state = message.isDeferred ? 'deferred' : 'ready';
    if (message.expiresAt < Number.POSITIVE_INFINITY && !message.isExpiryPlanned) {
      message.isExpiryPlanned = true;
      this.#plan({ at: message.expiresAt, kind: 'expiry', of: message });
    }
    if (message.isDeferred) return;
    if (!this.settings.requiresSession) {
      this.#ready.push(message);
      return;
    }
    const session = this.#sessions.of(message.sessionId ?? '');
    session.ready.push(message);
    this.#sessions.offer(session);
  }

  #give(session: Session, owner: Owner, now: number): Session {
    this.#sessions.give(session, owner);
    this.renewSession(session, now);
    return session;
  }

  #plan(due: QueueDue): void {
    this.#agenda.add(due, this.#messages.size + this.#sessions.size);
  }
}

function isStanding(due: QueueDue): boolean {
  if (due.kind === 'session') return due.of.owner !== null && due.of.lockedUntil === due.at;
  if (due.kind === 'expiry') return due.of.state !== 'gone';
  return due.of.state === 'locked' && due.of.lock?.until === due.at;
}
