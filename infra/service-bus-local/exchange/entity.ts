/**
 * The entities of a namespace as they live: queues (subscriptions and dead-letter queues are queues),
 * and topics. Each with its place in the store and its sequence numbers.
 */
import type { Duplicates } from '../core/duplicates.ts';
import type { Queue } from '../core/queue.ts';
import type { Schedule } from '../core/schedule.ts';
import type { Rule } from '../filter/rule.ts';
import type { Receiver, Waiter } from './receiver.ts';

interface Identity {
  /** As it was configured; addresses are matched without regard to case. */
  readonly path: string;
  readonly storeId: number;
  readonly lastSequence: number;
}

abstract class Entity {
  readonly path: string;
  readonly storeId: number;
  /** Of the last message that came here; the next one gets the next. Never used twice. */
  lastSequence: number;

  constructor({ path, storeId, lastSequence }: Identity) {
    this.path = path;
    this.storeId = storeId;
    this.lastSequence = lastSequence;
  }
}

export interface QueueTraits {
  /** Infinity for ever. */
  readonly timeToLiveMs: number;
  /** Whether what expires becomes a dead letter; else it is gone. */
  readonly keepsExpired: boolean;
}

export class QueueEntity extends Entity {
  readonly kind = 'queue';
  readonly queue: Queue;
  readonly traits: QueueTraits;
  /** Where its dead letters go; null for a dead-letter queue. */
  readonly dead: QueueEntity | null;
  /** Null where nobody sends to it: subscriptions and dead letters. */
  readonly schedule: Schedule | null;
  readonly duplicates: Duplicates | null;
  /** Planned in this turn and not yet in the store. */
  plannedBytes = 0;
  /** Those that are attached, and which of them is served first. */
  readonly receivers: Receiver[] = [];
  nextReceiver = 0;
  /** Clients that wait for the next free session, in the order of their coming. */
  readonly waiters: Waiter[] = [];

  constructor(
    identity: Identity,
    parts: Pick<QueueEntity, 'queue' | 'traits' | 'dead' | 'schedule' | 'duplicates'>,
  ) {
    super(identity);
    this.queue = parts.queue;
    this.traits = parts.traits;
    this.dead = parts.dead;
    this.schedule = parts.schedule;
    this.duplicates = parts.duplicates;
  }

  get nextDeadline(): number {
    return Math.min(
      this.queue.nextDeadline,
      this.schedule?.nextDeadline ?? Number.POSITIVE_INFINITY,
    );
  }

  /** What counts towards its quota; its dead letters do. */
  get bytes(): number {
    const dead = this.dead === null ? 0 : this.dead.bytes;
    return this.queue.bytes + (this.schedule?.bytes ?? 0) + this.plannedBytes + dead;
  }
}

export class TopicEntity extends Entity {
  readonly kind = 'topic';
  readonly timeToLiveMs: number;
  readonly subscriptions: readonly Subscription[];
  readonly schedule: Schedule;
  readonly duplicates: Duplicates | null;
  plannedBytes = 0;

  constructor(
    identity: Identity,
    parts: Pick<TopicEntity, 'timeToLiveMs' | 'subscriptions' | 'schedule' | 'duplicates'>,
  ) {
    super(identity);
    this.timeToLiveMs = parts.timeToLiveMs;
    this.subscriptions = parts.subscriptions;
    this.schedule = parts.schedule;
    this.duplicates = parts.duplicates;
  }

  get nextDeadline(): number {
    return this.schedule.nextDeadline;
  }

  /** What waits here to be scattered; what has been scattered counts with the subscriptions. */
  get bytes(): number {
    return this.schedule.bytes + this.plannedBytes;
  }
}

/** A queue that takes part of what comes to a topic. */
export interface Subscription {
  readonly entity: QueueEntity;
  /** By name. */
  readonly rules: Map<string, Rule>;
}
