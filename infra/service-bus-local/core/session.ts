/**
 * The sessions of a queue that requires them: each with its messages in order, who holds it, and what
 * state the application keeps with it.
 *
 * Whoever holds a session gets its messages, nobody else; a lock of one of its messages lasts as long
 * as the session's. Only queue.ts changes them.
 */
import { Heap } from './heap.ts';
import { firstReady, isEarlier, type Message } from './message.ts';

/** Whoever holds a session; compared by identity. */
export type Owner = object;

export class Session {
  readonly id: string;
  readonly ready = new Heap<Message>(isEarlier);
  /** Locked by the owner, or about to be settled. */
  readonly held = new Set<Message>();
  owner: Owner | null = null;
  /** Milliseconds since the epoch. */
  lockedUntil = 0;
  /** Durable. */
  state: Uint8Array | null = null;
  /** Messages that are here in any state. */
  messages = 0;

  constructor(id: string) {
    this.id = id;
  }

  isHeldBy(owner: Owner, now: number): boolean {
    return this.owner === owner && now < this.lockedUntil;
  }
}

export class Sessions {
  readonly #byId = new Map<string, Session>();
  /** Those that nobody holds and that had a ready message, in the order of becoming so. */
  readonly #free = new Set<Session>();

  get size(): number {
    return this.#byId.size;
  }

  find(id: string): Session | undefined {
    return this.#byId.get(id);
  }

  /** Makes it where there is none. */
  of(id: string): Session {
    let session = this.#byId.get(id);
    if (session === undefined) {
      session = new Session(id);
      this.#byId.set(id, session);
    }
    return session;
  }

  /** Called when a session got a ready message or lost its owner. */
  offer(session: Session): void {
    if (session.owner === null && session.ready.size > 0) this.#free.add(session);
  }

  /** The free one that has waited longest. */
  next(now: number): Session | undefined {
    for (const session of this.#free) {
      if (firstReady(session.ready, now) !== undefined) return session;
      this.#free.delete(session);
    }
    return undefined;
  }

  give(session: Session, owner: Owner): void {
    this.#free.delete(session);
    session.owner = owner;
  }

  /** Called when a session lost a message, its state or its owner. */
  forgetIfDone(session: Session): void {
    if (session.messages > 0 || session.owner !== null || session.state !== null) return;
    this.#byId.delete(session.id);
    this.#free.delete(session);
  }
}
