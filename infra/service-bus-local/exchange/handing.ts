/**
 * How messages are handed out: to receivers in turn, as far as they have room; sessions to those who
 * wait for one.
 */
import type { Message } from '../core/message.ts';
import { enveloped } from '../wire/envelope.ts';
import type { Bodies } from './bodies.ts';
import type { QueueEntity } from './entity.ts';
import type { Receiver } from './receiver.ts';
import type { Settling } from './settling.ts';
import type { Turn } from './turn.ts';

export class Handing {
  readonly #turn: Turn;
  readonly #bodies: Bodies;
  readonly #settling: Settling;

  constructor(turn: Turn, bodies: Bodies, settling: Settling) {
    this.#turn = turn;
    this.#bodies = bodies;
    this.#settling = settling;
  }

  serve(entity: QueueEntity, now: number): void {
    this.#grantSessions(entity, now);
    const doomed = new Map<Receiver, Message[]>();
    if (entity.queue.settings.requiresSession) this.#serveSessions(entity, now, doomed);
    else this.#serveInTurn(entity, now, doomed);
    for (const [receiver, messages] of doomed) this.#handForGood(entity, receiver, messages);
    for (const receiver of entity.receivers) receiver.rest();
  }

  /** What stands on the wire for a message. */
  envelope(entity: QueueEntity, message: Message, isLocked: boolean): Buffer {
    const { sequence, enqueuedAt, deliveryCount, lock } = message;
    const lockedUntil = lock?.session?.lockedUntil ?? lock?.until ?? null;
    return enveloped(this.#bodies.get(entity, sequence), {
      sequence,
      enqueuedAt,
      deliveryCount,
      lockedUntil: isLocked ? lockedUntil : null,
    });
  }

  #grantSessions(entity: QueueEntity, now: number): void {
    for (let waiter = entity.waiters[0]; waiter !== undefined; waiter = entity.waiters[0]) {
      const session = entity.queue.acceptNext(waiter.owner, now);
      if (session === null) return;
      entity.waiters.shift();
      waiter.grant(session);
    }
  }

  #serveSessions(entity: QueueEntity, now: number, doomed: Map<Receiver, Message[]>): void {
    for (const receiver of entity.receivers) {
      while (receiver.session !== null && receiver.room > 0) {
        const message = entity.queue.takeFrom(receiver.session, receiver, now);
        if (message === null) break;
        this.#give(entity, receiver, message, doomed);
      }
    }
  }

  /** One message each, round and round, until there is no message or no room. */
  #serveInTurn(entity: QueueEntity, now: number, doomed: Map<Receiver, Message[]>): void {
    const { receivers, queue } = entity;
    let full = 0;
    while (full < receivers.length) {
      entity.nextReceiver %= receivers.length;
      const receiver = receivers[entity.nextReceiver]!;
      entity.nextReceiver += 1;
      full += 1;
      if (receiver.room <= 0) continue;
      const message = queue.take(now);
      if (message === null) return;
      full = 0;
      this.#give(entity, receiver, message, doomed);
    }
  }

  #give(
    entity: QueueEntity,
    receiver: Receiver,
    message: Message,
    doomed: Map<Receiver, Message[]>,
  ): void {
    if (receiver.mode === 'peek-lock') {
      receiver.hand(message, this.envelope(entity, message, true));
      return;
    }
    receiver.promised += 1;
    const messages = doomed.get(receiver);
    if (messages === undefined) doomed.set(receiver, [message]);
    else messages.push(message);
  }

  /** They are deleted first, so that a broker that dies between does not deliver them twice. */
  #handForGood(entity: QueueEntity, receiver: Receiver, messages: readonly Message[]): void {
    this.#settling.delete(entity, messages, {
      done: () => {
        receiver.promised -= messages.length;
        for (const message of messages) {
          receiver.hand(message, this.envelope(entity, message, false));
        }
      },
      failed: () => {
        receiver.promised -= messages.length;
      },
    });
    this.#turn.touch(entity);
  }
}
