/** Those to whom messages are handed: links of clients, as the exchange sees them. */
import type { Message } from '../core/message.ts';
import type { Refusal } from '../core/refusal.ts';
import type { Session } from '../core/session.ts';

export interface Receiver {
  readonly mode: 'peek-lock' | 'receive-and-delete';
  /** The one that it holds; null on a queue without sessions. */
  readonly session: Session | null;
  /** How many messages it takes now; what is promised is counted. */
  readonly room: number;
  /** Messages that are being deleted in the store before they are handed over. */
  promised: number;
  hand(message: Message, bytes: Buffer): void;
  /** Called when there is nothing more for it for the time being. */
  rest(): void;
  /** Its session is lost: it gets nothing more, and is told why. */
  lose(refusal: Refusal): void;
}

/** Someone who waits for the next free session, and will be its owner. */
export interface Waiter {
  readonly owner: Receiver;
  grant(session: Session): void;
}

/** How an operation ended: null for done and durable. Called once. */
export type Reply = (refusal: Refusal | null) => void;
