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

/** What one serving has given so far. */
interface Serving {
  /** How many more bytes it may give; the rest waits for the next turn. */
  bytesLeft: number;
  /** Messages to be deleted before they are handed over. */
  readonly doomed: Map<Receiver, Doomed[]>;
}

interface Doomed {
  readonly message: Message;
  readonly bytes: Buffer;
}

export class Handing {
  readonly #turn: Turn;
  readonly #bodies: Bodies;
  readonly #settling: Settling;
  readonly #bytesMax: number;

  constructor(turn: Turn, bodies: Bodies, settling: Settling, bytesMax: number) {
    this.#turn = turn;
    this.#bodies = bodies;
    this.#settling = settling;
    this.#bytesMax = bytesMax;
  }

  serve(entity: QueueEntity, now: number): void {
    this.#grantSessions(entity, now);
    const serving: Serving = { bytesLeft: this.#bytesMax, doomed: new Map() };
    if (entity.queue.settings.requiresSession) this.#serveSessions(entity, now, serving);
    else this.#serveInTurn(entity, now, serving);
    for (const [receiver, doomed] of serving.doomed) this.#handForGood(entity, receiver, doomed);
    if (serving.bytesLeft <= 0) this.#turn.touch(entity);
    else for (const receiver of entity.receivers) receiver.rest();
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

  #serveSessions(entity: QueueEntity, now: number, serving: Serving): void {
    for (const receiver of entity.receivers) {
      while (receiver.session !== null && receiver.room > 0 && serving.bytesLeft > 0) {
        const message = entity.queue.takeFrom(receiver.session, receiver, now);
        if (message === null) break;
        this.#give(entity, receiver, message, serving);
      }
    }
  }

  /** One message each, round and round, until there is no message or no room. */
  #serveInTurn(entity: QueueEntity, now: number, serving: Serving): void {
    const { receivers, queue } = entity;
    let full = 0;
    while (full < receivers.length && serving.bytesLeft > 0) {
      entity.nextReceiver %= receivers.length;
      const receiver = receivers[entity.nextReceiver]!;
      entity.nextReceiver += 1;
      full += 1;
      if (receiver.room <= 0) continue;
      const message = queue.take(now);
      if (message === null) return;
      full = 0;
      this.#give(entity, receiver, message, serving);
    }
  }

  #give(entity: QueueEntity, receiver: Receiver, message: Message, serving: Serving): void {
    const isLocked = receiver.mode === 'peek-lock';
    const bytes = this.envelope(entity, message, isLocked);
    serving.bytesLeft -= bytes.length;
    if (isLocked) {
      receiver.hand(message, bytes);
      return;
    }
    receiver.promised += 1;
    const doomed = serving.doomed.get(receiver);
    if (doomed === undefined) serving.doomed.set(receiver, [{ message, bytes }]);
    else doomed.push({ message, bytes });
  }

  /** They are deleted first, so that a broker that dies between does not deliver them twice. */
  #handForGood(entity: QueueEntity, receiver: Receiver, doomed: readonly Doomed[]): void {
    const end = () => {
      receiver.promised -= doomed.length;
      this.#turn.touch(entity);
    };
    this.#settling.delete(
      entity,
      doomed.map(({ message }) => message),
      {
        done: () => {
          end();
          for (const { message, bytes } of doomed) receiver.hand(message, bytes);
        },
        failed: end,
      },
    );
  }
}
