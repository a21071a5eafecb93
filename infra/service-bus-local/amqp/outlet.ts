/**
 * A link on which a client receives: what the exchange hands over goes out as transfers, what the
 * client says of them comes back as settlements.
 *
 * Credit is counted here, not read from rhea, which learns of a delivery only when it writes it: the
 * limit (what was delivered plus the credit left) moves with the client's flows alone.
 */
import type { Delivery, EventContext, Sender } from 'rhea';
import type { Message } from '../core/message.ts';
import type { Refusal } from '../core/refusal.ts';
import type { Session } from '../core/session.ts';
import type { QueueEntity } from '../exchange/entity.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Receiver } from '../exchange/receiver.ts';
import type { Settlement } from '../exchange/settling.ts';
import { deliveryTag } from './lock-token.ts';
import {
  answerDrain,
  errorOf,
  inside,
  outcomeOf,
  roomInWindow,
  settle,
  unsentBytes,
} from './rhea.ts';

const settledBySender = 1;

export class Outlet implements Receiver {
  readonly entity: QueueEntity;
  readonly mode: Receiver['mode'];
  session: Session | null = null;
  promised = 0;
  readonly #exchange: Exchange;
  readonly #sender: Sender;
  readonly #tokens = new WeakMap<Delivery, number>();
  /** Deliveries, and credit that a drain used up. */
  #used = 0;
  #isOpen = false;

  constructor(exchange: Exchange, entity: QueueEntity, sender: Sender) {
    this.#exchange = exchange;
    this.entity = entity;
    this.#sender = sender;
    this.mode = sender.snd_settle_mode === settledBySender ? 'receive-and-delete' : 'peek-lock';
    const { attach } = inside(sender).local;
    attach.snd_settle_mode = sender.snd_settle_mode;
    attach.rcv_settle_mode = sender.rcv_settle_mode;
  }

  /** Takes part from now on; on a queue that requires sessions it has one. */
  begin(session: Session | null): void {
    this.session = session;
    this.#isOpen = true;
    this.entity.receivers.push(this);
    this.#sender.on('sender_flow', () => this.resume());
    this.#settlesOn('accepted', () => ({ kind: 'complete' }));
    this.#settlesOn('released', () => ({ kind: 'abandon', properties: {} }));
    this.#settlesOn('modified', modification);
    this.#settlesOn('rejected', rejection);
    this.resume();
  }

  /** There may be room again. */
  resume(): void {
    this.#exchange.turn.touch(this.entity);
  }

  get room(): number {
    if (!this.#isOpen) return 0;
    if (unsentBytes(this.#sender) > this.#exchange.bounds.unsentBytesMax) return 0;
    return Math.min(this.#limit - this.#used, roomInWindow(this.#sender)) - this.promised;
  }

  hand(message: Message, bytes: Buffer): void {
    if (!this.#isOpen) return;
    this.#used += 1;
    const token = message.lock?.token ?? 0;
    const delivery = this.#sender.send(bytes, deliveryTag(token), 0);
    this.#tokens.set(delivery, token);
  }

  rest(): void {
    if (!this.#isOpen || this.promised > 0 || !inside(this.#sender)._draining) return;
    this.#used = this.#limit;
    answerDrain(this.#sender);
  }

  lose(refusal: Refusal): void {
    this.close();
    this.#sender.close(errorOf(refusal));
  }

  /** The link has ended. Locks on messages last on; a session goes back, and its messages with it. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { receivers, queue } = this.entity;
    receivers.splice(receivers.indexOf(this), 1);
    if (this.session !== null) queue.leave(this.session, this);
    this.#exchange.turn.touch(this.entity);
  }

  get #limit(): number {
    const { delivery_count, credit } = inside(this.#sender);
    return delivery_count + credit;
  }

  #settlesOn(event: string, settlementOf: (delivery: Delivery) => Settlement): void {
    this.#sender.on(event, ({ delivery }: EventContext) => {
      if (delivery === undefined) return;
      const token = this.#tokens.get(delivery) ?? 0;
      this.#exchange.settling.settle(this.entity, token, settlementOf(delivery), (refusal) => {
        settle(delivery, refusal);
      });
    });
  }
}

/** The client's abandon, and its defer. */
function modification(delivery: Delivery): Settlement {
  const { undeliverable_here, message_annotations } = outcomeOf(delivery);
  const properties = message_annotations ?? {};
  return { kind: undeliverable_here === true ? 'defer' : 'abandon', properties };
}

function rejection(delivery: Delivery): Settlement {
  const { DeadLetterReason, DeadLetterErrorDescription, ...properties } =
    outcomeOf(delivery).error?.info ?? {};
  return {
    kind: 'dead-letter',
    reason: deadReason(DeadLetterReason, DeadLetterErrorDescription),
    properties,
  };
}

/** A reason as a client gives it; what is no text is not one. */
export function deadReason(reason: unknown, description: unknown) {
  return {
    ...(typeof reason === 'string' && { reason }),
    ...(typeof description === 'string' && { description }),
  };
}
