/**
 * The turn: what the broker does once in each round of the event loop in which something happened.
 *
 *     due ──▶ what has become due is ended                                       (locks, expiries …)
 *     write ─▶ everything planned becomes one transaction, one fsync
 *     tell ──▶ each plan is carried out in memory and its client answered; or, if the store refused,
 *              undone and the refusal told
 *     serve ─▶ queues that changed hand out what they have; what that plans is for the next turn
 *
 * T1: nobody is told that something is done before it is durable. T2: a plan is told of exactly once.
 * T3: plans are told of in the order of their making. T4: after the store refused, nothing that is due
 * is tried for a while; clients' plans are.
 */
import type { Clock } from '#runtime';
import { conditions, Refusal } from '../core/refusal.ts';
import type { Change, Store } from '../store/store.ts';
import type { QueueEntity, TopicEntity } from './entity.ts';

export interface Plan {
  readonly changes: readonly Change[];
  done(): void;
  failed(refusal: Refusal): void;
}

/** What a turn calls; set once, since they plan and so need the turn. */
export interface TurnDuties {
  due(entity: QueueEntity | TopicEntity, now: number): void;
  serve(entity: QueueEntity, now: number): void;
}

export interface TurnParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly entities: readonly (QueueEntity | TopicEntity)[];
  /** Told of what no client can be told of. */
  readonly report: (trouble: unknown) => void;
}

/** Pause after the store refused. */
const pauseMs = 1_000;
/** Node's timers hold 2^31 ms; the alarm is set again when it rings. */
const alarmMsMax = 24 * 60 * 60_000;

export class Turn {
  readonly #parts: TurnParts;
  #duties: TurnDuties | null = null;
  #plans: Plan[] = [];
  /** Entities that gave away sequence numbers which are not in the store. */
  readonly #counted = new Set<QueueEntity | TopicEntity>();
  readonly #changed = new Set<QueueEntity>();
  #immediate: NodeJS.Immediate | null = null;
  #alarm: { readonly at: number; readonly abort: AbortController } | null = null;
  #pausedUntil = 0;
  #isClosed = false;

  constructor(parts: TurnParts) {
    this.#parts = parts;
  }

  begin(duties: TurnDuties): void {
    this.#duties = duties;
    this.#soon();
  }

  get now(): number {
    return this.#parts.clock.now();
  }

  plan(plan: Plan): void {
    this.#plans.push(plan);
    this.#soon();
  }

  /** The next sequence number of an entity, stored with the next group. */
  sequence(entity: QueueEntity | TopicEntity): number {
    entity.lastSequence += 1;
    this.#counted.add(entity);
    return entity.lastSequence;
  }

  /** It may have something for somebody. */
  touch(entity: QueueEntity): void {
    this.#changed.add(entity);
    this.#soon();
  }

  /** Writes and tells what is planned, and ends. Nothing is served any more. */
  close(): void {
    this.#isClosed = true;
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#alarm?.abort.abort();
    this.#write();
  }

  #soon(): void {
    if (this.#isClosed || this.#immediate !== null || this.#duties === null) return;
    this.#immediate = setImmediate(() => {
      this.#immediate = null;
      this.#take(this.#duties!);
    });
  }

  #take(duties: TurnDuties): void {
    const { now } = this;
    if (now >= this.#pausedUntil) {
      for (const entity of this.#parts.entities) {
        if (entity.nextDeadline <= now) this.#try(() => duties.due(entity, now));
      }
    }
    this.#write();
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const entity of changed) this.#try(() => duties.serve(entity, now));
    this.#setAlarm();
  }

  #write(): void {
    const plans = this.#plans;
    if (plans.length === 0) return;
    this.#plans = [];
    const refusal = this.#commit(plans);
    for (const plan of plans) {
      this.#try(() => (refusal === null ? plan.done() : plan.failed(refusal)));
    }
  }

  /** A bug in one thing must not keep the others from happening. */
  #try(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#parts.report(thrown);
    }
  }

  #commit(plans: readonly Plan[]): Refusal | null {
    const changes = plans.flatMap((plan) => plan.changes);
    for (const { storeId, lastSequence } of this.#counted) {
      changes.push({ kind: 'sequence', entity: storeId, sequence: lastSequence });
    }
    try {
      this.#parts.store.commit(changes);
      this.#counted.clear();
      return null;
    } catch (thrown) {
      this.#pausedUntil = this.now + pauseMs;
      this.#parts.report(thrown);
      if (thrown instanceof Refusal) return thrown;
      return new Refusal(conditions.internal, 'The local broker failed; its output says how.');
    }
  }

  #setAlarm(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const { nextDeadline } of this.#parts.entities) next = Math.min(next, nextDeadline);
    const at = Math.max(next, this.#pausedUntil);
    if (this.#isClosed || at === Number.POSITIVE_INFINITY) return;
    // One that rings too early does no harm.
    if (this.#alarm !== null && this.#alarm.at <= at) return;
    this.#alarm?.abort.abort();
    const alarm = { at, abort: new AbortController() };
    this.#alarm = alarm;
    const ms = Math.min(Math.max(at - this.now, 0), alarmMsMax);
    this.#parts.clock.sleep(ms, alarm.abort.signal).then(
      () => {
        this.#alarm = null;
        this.#soon();
      },
      (reason) => {
        if (!alarm.abort.signal.aborted) this.#parts.report(reason);
      },
    );
  }
}
