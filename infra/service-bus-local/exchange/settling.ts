/**
 * How messages leave: completed, given back, put aside, made dead letters; and what becomes of them
 * when a lock or a life ends by itself.
 */
import type { BrokerBounds } from '../bounds.ts';
import type { Message } from '../core/message.ts';
import type { Overdue } from '../core/queue.ts';
import { asRefusal, conditions, Refusal } from '../core/refusal.ts';
import type { Change } from '../store/store.ts';
import { withProperties } from '../wire/envelope.ts';
import type { Bodies } from './bodies.ts';
import { type DeadReason, deadReasons, propertiesOf } from './dead-reason.ts';
import type { QueueEntity } from './entity.ts';
import type { Receiver, Reply } from './receiver.ts';
import type { Turn } from './turn.ts';

/** Application properties that change on the way. */
export type Properties = Readonly<Record<string, unknown>>;

export type Settlement =
  | { readonly kind: 'complete' }
  | { readonly kind: 'abandon' | 'defer'; readonly properties: Properties }
  | { readonly kind: 'dead-letter'; readonly reason: DeadReason; readonly properties: Properties };

/** The second half of a plan on a claimed message. */
interface Step {
  readonly changes: readonly Change[];
  /** What the message becomes; null where it stays as it is, or goes. */
  readonly bytes: Buffer | null;
  done(): void;
}

interface Altered {
  readonly state: 'active' | 'deferred';
  readonly deliveryCount: number;
  readonly properties: Properties;
}

export class Settling {
  readonly #turn: Turn;
  readonly #bodies: Bodies;
  readonly #bounds: BrokerBounds;

  constructor(turn: Turn, bodies: Bodies, bounds: BrokerBounds) {
    this.#turn = turn;
    this.#bodies = bodies;
    this.#bounds = bounds;
  }

  /** Settles the message that a lock holds. Replies when that is durable. */
  settle(entity: QueueEntity, token: number, settlement: Settlement, reply: Reply): void {
    let message: Message;
    try {
      message = entity.queue.claim(token, this.#turn.now);
    } catch (thrown) {
      reply(asRefusal(thrown));
      return;
    }
    try {
      const step = this.#stepOf(entity, message, settlement);
      this.#checkSize(step);
      this.#plan(entity, message, step, reply);
    } catch (thrown) {
      entity.queue.restore(message);
      reply(asRefusal(thrown));
    }
  }

  /** Deletes messages that a receiver will get without a lock. */
  delete(
    entity: QueueEntity,
    messages: readonly Message[],
    then: { done(): void; failed(refusal: Refusal): void },
  ): void {
    const { now } = this.#turn;
    for (const { lock } of messages) entity.queue.claim(lock!.token, now);
    this.#turn.plan({
      changes: messages.map(({ sequence }) => dropOf(entity, sequence)),
      done: () => {
        then.done();
        for (const message of messages) this.#remove(entity, message);
      },
      failed: (refusal) => {
        for (const message of messages) entity.queue.giveBack(message, message.deliveryCount);
        then.failed(refusal);
      },
    });
  }

  /** Ends what has become due in a queue. */
  end(entity: QueueEntity, overdue: readonly Overdue[]): void {
    for (const each of overdue) {
      if (each.kind === 'session lost') {
        const text = `The lock on session '${each.session.id}' has expired.`;
        (each.owner as Receiver).lose(new Refusal(conditions.sessionLockLost, text));
        continue;
      }
      const { message } = each;
      if (each.kind === 'returned') {
        this.#note(entity, message);
      } else if (each.kind === 'exhausted') {
        this.#plan(entity, message, this.#burial(entity, message, this.#exhausted(entity), {}));
      } else if (entity.traits.keepsExpired && entity.dead !== null) {
        this.#plan(entity, message, this.#burial(entity, message, deadReasons.expired, {}));
      } else {
        this.#plan(entity, message, this.#removal(entity, message));
      }
    }
    if (overdue.length > 0) this.#turn.touch(entity);
  }

  #stepOf(entity: QueueEntity, message: Message, settlement: Settlement): Step {
    if (settlement.kind === 'complete') return this.#removal(entity, message);
    const { properties } = settlement;
    if (settlement.kind === 'dead-letter') {
      if (entity.dead === null) {
        throw new Refusal(conditions.notAllowed, 'A dead letter cannot be dead-lettered again.');
      }
      return this.#burial(entity, message, settlement.reason, properties);
    }
    const { deliveryCount } = message;
    if (settlement.kind === 'defer') {
      return this.#change(entity, message, { state: 'deferred', deliveryCount, properties });
    }
    if (entity.queue.isLastDelivery(message)) {
      return this.#burial(entity, message, this.#exhausted(entity), properties);
    }
    const state = stateOf(message);
    return this.#change(entity, message, { state, deliveryCount: deliveryCount + 1, properties });
  }

  /** Of what a client changed; what the broker itself adds is little, and must not fail. */
  #checkSize({ bytes }: Step): void {
    const { messageBytesMax, alteredBytesMax } = this.#bounds;
    if (bytes === null || bytes.length <= messageBytesMax + alteredBytesMax) return;
    const text = 'The changed properties make the message larger than it may be.';
    throw new Refusal(conditions.tooLarge, text);
  }

  #removal(entity: QueueEntity, message: Message): Step {
    return {
      changes: [dropOf(entity, message.sequence)],
      bytes: null,
      done: () => this.#remove(entity, message),
    };
  }

  /** To the dead letters, under its number, with its reason. They live for ever. */
  #burial(entity: QueueEntity, message: Message, reason: DeadReason, properties: Properties): Step {
    const dead = entity.dead!;
    const { sequence, sessionId, enqueuedAt, deliveryCount } = message;
    const old = this.#bodies.get(entity, sequence);
    const bytes = withProperties(old, { ...properties, ...propertiesOf(reason) });
    const arrival = {
      sequence,
      deliveryCount,
      enqueuedAt,
      expiresAt: Number.POSITIVE_INFINITY,
    };
    const stored = { ...arrival, state: 'active', dueAt: null, session: sessionId } as const;
    return {
      changes: [
        dropOf(entity, sequence),
        { kind: 'put', entity: dead.storeId, message: stored, bytes },
      ],
      bytes,
      done: () => {
        this.#remove(entity, message);
        this.#bodies.keep(dead, sequence, bytes);
        const weight = this.#weight(bytes);
        dead.queue.admit({ ...arrival, sessionId, bytes: weight, isDeferred: false });
        this.#turn.touch(dead);
      },
    };
  }

  /** It stays, ready or deferred, with another count or other properties. */
  #change(entity: QueueEntity, message: Message, into: Altered): Step {
    const { state, deliveryCount, properties } = into;
    const { sequence } = message;
    const isAltered = Object.keys(properties).length > 0;
    const bytes = isAltered ? withProperties(this.#bodies.get(entity, sequence), properties) : null;
    const mark = { kind: 'mark', entity: entity.storeId, sequence, state, deliveryCount } as const;
    return {
      changes: [{ ...mark, bytes }],
      bytes,
      done: () => {
        if (bytes !== null) {
          this.#bodies.keep(entity, sequence, bytes);
          entity.queue.resize(message, this.#weight(bytes));
        }
        if (state === 'deferred') entity.queue.putAside(message, deliveryCount);
        else entity.queue.giveBack(message, deliveryCount);
      },
    };
  }

  #weight(bytes: Buffer): number {
    return bytes.length + this.#bounds.messageOverheadBytes;
  }

  /** A delivery failed by itself: memory has it already, and nobody waits for the store. */
  #note(entity: QueueEntity, message: Message): void {
    const { sequence, deliveryCount } = message;
    const mark = { kind: 'mark', entity: entity.storeId, sequence, deliveryCount } as const;
    this.#turn.plan({
      changes: [{ ...mark, state: stateOf(message), bytes: null }],
      done: () => undefined,
      failed: () => undefined,
    });
  }

  #plan(entity: QueueEntity, message: Message, step: Step, reply?: Reply): void {
    this.#turn.plan({
      changes: step.changes,
      done: () => {
        step.done();
        this.#turn.touch(entity);
        reply?.(null);
      },
      failed: (refusal) => {
        entity.queue.restore(message);
        this.#turn.touch(entity);
        reply?.(refusal);
      },
    });
  }

  #remove(entity: QueueEntity, message: Message): void {
    entity.queue.remove(message);
    this.#bodies.drop(entity, message.sequence);
  }

  #exhausted({ queue }: QueueEntity): DeadReason {
    return deadReasons.exhausted(queue.settings.deliveriesMax);
  }
}

function dropOf({ storeId }: QueueEntity, sequence: number): Change {
  return { kind: 'drop', entity: storeId, sequence };
}

function stateOf({ isDeferred }: Message): 'active' | 'deferred' {
  return isDeferred ? 'deferred' : 'active';
}
