/**
 * One shard in this node's hands, for as long as its lease is ours.
 *
 *     flowing ──abandon──▶ settling ──all in hand settled──▶ pausing ──▶ flowing
 *        │ above our share, node stops (from any of these)
 *        ▼
 *     leaving ──all in hand settled──▶ gone ◀──lease lost── any
 *
 * S1: deliveries start in the order of the stream, several at a time; the dispatcher keeps each actor's
 * own order. S2: after a passing fault nothing further is started; what was unsettled comes again after
 * a pause, first to last, before what follows it. S3: what is not settled when we leave stays pending,
 * and is what the next holder begins with. S4: once gone, nothing is settled here any more: what is
 * still being handled fails its settlement and comes again, where the log's expected revision keeps the
 * two apart.
 */
import {
  backoffMs,
  type Clock,
  type DeadLetterReason,
  type Delivery,
  type DeliveryHandler,
  type Ids,
  type Limits,
  RuntimeError,
  refuseUnread,
  type Telemetry,
  toRuntimeError,
} from '#runtime';
import { lostLease } from './bus-failure.ts';
import type { Entry } from './bus-message.ts';
import type { Settling } from './bus-settling.ts';
import type { Taken, Wanted } from './bus-taking.ts';

/** Who has the shard. */
export interface ShardHolder {
  /** It has something to start. */
  startable(shard: Shard): void;
  /** One delivery is over, settled or not; there may be room for more. */
  handled(shard: Shard): void;
  /** It is time to give it back: nothing is in hand. */
  left(shard: Shard): void;
  /** Redis said that it is not ours. */
  lost(shard: Shard): void;
}

export interface ShardOptions {
  readonly handler: DeliveryHandler;
  readonly settling: Settling;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
  readonly telemetry: Telemetry;
}

/** One entry in our hands, until it is settled. */
interface Parcel {
  readonly entry: Entry;
  /** Times that we started it again. */
  again: number;
  startedMs: number;
  isSettled: boolean;
  /** Why it was not settled this time. */
  fault: DeadLetterReason | null;
}

export class Shard implements Wanted {
  readonly id: string;
  readonly lease: string;
  /** There may be entries that we have not read. */
  hasMore = true;
  readonly #holder: ShardHolder;
  readonly #options: ShardOptions;
  readonly #awaken = new AbortController();
  #phase: 'flowing' | 'settling' | 'pausing' | 'leaving' | 'gone' = 'flowing';
  /** All that is not settled, in the order of the stream. */
  readonly #parcels = new Set<Parcel>();
  /** Those not started. */
  #waiting: Parcel[] = [];
  /** Those that the handler has, in the order of starting. */
  readonly #inHand = new Set<Parcel>();
  #isClaiming = true;
  #faults = 0;
  #bytes = 0;

  constructor(id: string, lease: string, holder: ShardHolder, options: ShardOptions) {
    this.id = id;
    this.lease = lease;
    this.#holder = holder;
    this.#options = options;
    options.telemetry.record({ name: 'shard-taken', shard: id });
  }

  /** Entries that it would take now; while pending ones are claimed, none before all are settled. */
  get room(): number {
    if (this.#phase === 'leaving' || this.#phase === 'gone') return 0;
    if (this.#isClaiming && this.#parcels.size > 0) return 0;
    return this.#options.limits.shardMessagesMax - this.#parcels.size;
  }

  get isClaiming(): boolean {
    return this.#isClaiming;
  }

  /** What it has of ours that is not settled. */
  get heldMessages(): number {
    return this.#parcels.size;
  }

  /** Of the bodies in hand. */
  get bytes(): number {
    return this.#bytes;
  }

  get isLeaving(): boolean {
    return this.#phase === 'leaving' || this.#phase === 'gone';
  }

  /** The longest that anything has been in hand is longer than it may be. */
  isStuck(nowMs: number): boolean {
    const [longest] = this.#inHand;
    return longest !== undefined && nowMs - longest.startedMs > this.#options.limits.shardWorkMs;
  }

  /** What was read of it, in order. */
  arrive({ state, entries }: Taken): void {
    if (state === 'lost') this.#noteLost();
    if (this.isLeaving) return;
    // It may have been rung since it was read.
    if (state !== 'empty') this.hasMore = true;
    this.#isClaiming = state === 'claiming';
    for (const entry of entries) {
      const parcel = { entry, again: 0, startedMs: 0, isSettled: false, fault: null };
      this.#parcels.add(parcel);
      this.#waiting.push(parcel);
      this.#bytes += entry.bytes;
    }
    this.#tellStartable();
  }

  get canStart(): boolean {
    return this.#phase === 'flowing' && this.#waiting.length > 0;
  }

  /** What was read of it did not come: it is pending in our name. */
  claim(): void {
    this.hasMore = true;
    this.#isClaiming = true;
  }

  /** Starts the next. Call while `canStart`. */
  start(): void {
    const parcel = this.#waiting.shift()!;
    parcel.startedMs = this.#options.clock.now();
    parcel.fault = null;
    this.#inHand.add(parcel);
    this.#handle(parcel).then(
      () => this.#handled(parcel),
      (thrown) => {
        const { code, message } = toRuntimeError(thrown);
        parcel.fault ??= { code, detail: message };
        this.#handled(parcel);
      },
    );
  }

  /** Starts nothing more, and tells its holder when all in hand is settled. */
  leave(): void {
    if (this.isLeaving) return;
    this.#phase = 'leaving';
    this.#awaken.abort();
    if (this.#inHand.size === 0) this.#giveBack();
  }

  /** It is another's, or nobody's. */
  lose(): void {
    if (this.#phase === 'gone') return;
    this.#phase = 'gone';
    this.#awaken.abort();
    this.#waiting = [];
    const error = lostLease(this.id);
    const { telemetry } = this.#options;
    telemetry.record({ name: 'bus-retried', task: `shard ${this.id}`, error, attempt: 1 });
  }

  async #handle(parcel: Parcel): Promise<void> {
    const { entry } = parcel;
    const delivery = this.#deliveryOf(parcel);
    const fault = faultOf(entry, this.#options.limits);
    if (fault !== null) return refuseUnread(delivery, fault, this.#options.telemetry);
    return this.#options.handler(delivery);
  }

  #handled(parcel: Parcel): void {
    this.#inHand.delete(parcel);
    if (this.#phase !== 'gone') this.#putAway(parcel);
    this.#holder.handled(this);
  }

  #putAway(parcel: Parcel): void {
    if (parcel.isSettled) {
      this.#parcels.delete(parcel);
      this.#bytes -= parcel.entry.bytes;
    } else {
      parcel.again += 1;
      if (this.#phase === 'flowing') this.#phase = 'settling';
    }
    if (this.#inHand.size > 0) return;
    if (this.#phase === 'settling') void this.#pause();
    if (this.#phase === 'leaving') this.#giveBack();
  }

  #deliveryOf(parcel: Parcel): Delivery {
    const { settling } = this.#options;
    const { entry } = parcel;
    return {
      message: entry.message,
      deliveryCount: entry.holders + parcel.again,
      complete: async () => {
        await this.#settle(parcel, () => settling.complete(this, entry));
        this.#faults = 0;
      },
      abandon: async (reason) => {
        parcel.fault = reason;
      },
      deadLetter: (reason) => this.#settle(parcel, () => settling.bury(this, entry, reason)),
    };
  }

  async #settle(parcel: Parcel, settle: () => Promise<boolean>): Promise<void> {
    if (this.#phase === 'gone') throw lostLease(this.id);
    parcel.isSettled = await settle();
    if (parcel.isSettled) return;
    this.#noteLost();
    throw lostLease(this.id);
  }

  #noteLost(): void {
    if (this.#phase === 'gone') return;
    this.lose();
    this.#holder.lost(this);
  }

  async #pause(): Promise<void> {
    const { clock, ids, limits, telemetry } = this.#options;
    this.#phase = 'pausing';
    this.#faults += 1;
    const [first] = this.#parcels;
    telemetry.record({
      name: 'shard-paused',
      shard: this.id,
      code: first?.fault?.code ?? 'INVARIANT_BROKEN',
      attempt: this.#faults,
    });
    const backoff = { baseMs: limits.retryBaseMs * 4, capMs: limits.retryCapMs };
    const pauseMs = backoffMs(this.#faults, backoff, ids.chance());
    await Promise.allSettled([clock.sleep(pauseMs, this.#awaken.signal)]);
    if (this.#phase !== 'pausing') return;
    this.#waiting = [...this.#parcels];
    this.#phase = 'flowing';
    this.#tellStartable();
  }

  #tellStartable(): void {
    if (this.canStart) this.#holder.startable(this);
  }

  #giveBack(): void {
    this.#phase = 'gone';
    this.#holder.left(this);
  }
}

/** Why an entry is refused without being handled. */
function faultOf({ hasBody, holders }: Entry, limits: Limits): RuntimeError | null {
  if (!hasBody) return new RuntimeError('MESSAGE_INVALID', 'the entry has no field named body');
  if (holders <= limits.busHoldersMax) return null;
  const detail = `${holders - 1} nodes had it and ended, or took too long, before it was settled`;
  return new RuntimeError('MESSAGE_UNSETTLED', detail);
}
