/**
 * One shard in this node's hands: a session of the broker, locked by us as long as we hold it.
 *
 *     flowing ──abandon──▶ settling ──all in hand settled──▶ pausing ──▶ flowing
 *        │ quiet, turn over, node stops (from any of these)
 *        ▼
 *     leaving ──all in hand settled──▶ gone ◀──lock or link lost── any
 *
 * S1: deliveries start in the order of the session, several at a time; the dispatcher keeps each actor's
 * own order. S2: after a passing fault nothing further is started; what was unsettled comes again after
 * a pause, first to last, before what follows it. The messages stay locked by us meanwhile. A broker's
 * abandon or a scheduled copy would do neither: the one comes back at once and counts towards
 * MaxDeliveryCount (an outage of ten deliveries would empty the topic into the dead letters), the other
 * comes behind all that follows. S3: what is not settled when we leave goes back in its place; closing a
 * session does not count as a delivery. S4: once gone, nothing is settled here any more: what is still
 * being handled fails its settlement and comes again elsewhere, where the log's expected revision keeps
 * the two apart.
 */
import type { ServiceBusReceivedMessage, ServiceBusSessionReceiver } from '@azure/service-bus';
import {
  type BusMessage,
  backoffMs,
  type Clock,
  type Delivery,
  type DeliveryHandler,
  type Ids,
  type Limits,
  RuntimeError,
  refuseUnread,
  type Telemetry,
  toRuntimeError,
} from '#runtime';
import { type ClaimChecks, claimCheckOf } from './claim-check.ts';
import { unavailable } from './failure.ts';
import type { Line } from './line.ts';
import type { Parcel } from './parcel.ts';
import type { Places } from './places.ts';
import { SessionLock } from './session-lock.ts';
import { incoming } from './wire.ts';

export interface ShardOptions {
  readonly line: Line;
  readonly handler: DeliveryHandler;
  readonly places: Places;
  readonly claims: ClaimChecks;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
  readonly telemetry: Telemetry;
}

type Leaving = 'quiet' | 'turn' | 'drain';

export class Shard {
  readonly id: string;
  /** Resolves when it is gone and, where its link still stood, the broker has it back. */
  readonly ended: Promise<void>;
  readonly #receiver: ServiceBusSessionReceiver;
  readonly #options: ShardOptions;
  readonly #lock: SessionLock;
  readonly #end: () => void;
  readonly #turnEndsMs: number;
  readonly #awaken = new AbortController();
  readonly #lost = Promise.withResolvers<never>();
  #phase: 'flowing' | 'settling' | 'pausing' | 'leaving' | 'gone' = 'flowing';
  #leaving: Leaving = 'quiet';
  /** All that is not settled, in the order of arrival. */
  readonly #parcels = new Set<Parcel>();
  /** Those not started. */
  #waiting: Parcel[] = [];
  /** Those that the handler has, in the order of starting. */
  readonly #inHand = new Set<Parcel>();
  /** Those that come again. */
  #failed: Parcel[] = [];
  #arrived = 0;
  #faults = 0;
  #busyMs: number;
  #isRedeeming = false;

  constructor(receiver: ServiceBusSessionReceiver, options: ShardOptions) {
    this.id = receiver.sessionId;
    this.#receiver = receiver;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#end = resolve;
    this.#busyMs = options.clock.now();
    this.#turnEndsMs = this.#busyMs + options.limits.shardTurnMs;
    this.#lock = new SessionLock(receiver, options);
    this.#lost.promise.catch(() => {
      // Whoever settles hears of it; nobody may.
    });
  }

  /** Messages that are here and not settled. */
  get heldMessages(): number {
    return this.#parcels.size;
  }

  /** Lets messages come. */
  begin(): void {
    const { limits, telemetry } = this.#options;
    telemetry.record({ name: 'shard-taken', shard: this.id });
    const processMessage = (received: ServiceBusReceivedMessage) => this.#arrive(received);
    const processError = async ({ error }: { error: Error }) => this.#lose(error);
    try {
      this.#receiver.subscribe(
        { processMessage, processError },
        { autoCompleteMessages: false, maxConcurrentCalls: limits.shardMessagesMax },
      );
    } catch (thrown) {
      // Its link broke since it was given.
      this.#lose(unavailable(thrown, `taking shard ${this.id}`));
    }
  }

  /** Called every now and then: keeps the lock, and leaves when it is time. */
  tend(): void {
    const { clock, limits } = this.#options;
    const nowMs = clock.now();
    // A link that the broker closes without an error is reported by nobody.
    if (this.#phase !== 'gone' && (this.#receiver.isClosed || this.#lock.isLost)) {
      this.#lose(lostLock(this.id));
    }
    if (this.#phase === 'gone') return;
    const [longest] = this.#inHand;
    const isStuck = longest !== undefined && nowMs - longest.startedMs > limits.shardWorkMs;
    if (!isStuck) this.#lock.tend();
    const isQuiet = this.#parcels.size === 0 && nowMs - this.#busyMs >= limits.shardQuietMs;
    if (isQuiet) this.leave('quiet');
    else if (nowMs >= this.#turnEndsMs) this.leave('turn');
  }

  /** Starts nothing more, and gives the shard back when all in hand is settled. */
  leave(why: Leaving): void {
    if (this.#phase === 'gone' || this.#phase === 'leaving') return;
    this.#phase = 'leaving';
    this.#leaving = why;
    this.#awaken.abort();
    if (this.#inHand.size === 0) void this.#giveBack();
  }

  #arrive(received: ServiceBusReceivedMessage): Promise<void> {
    if (this.#phase === 'leaving' || this.#phase === 'gone') return this.ended;
    this.#busyMs = this.#options.clock.now();
    const { promise, resolve: done } = Promise.withResolvers<void>();
    const parcel: Parcel = {
      received,
      number: this.#arrived++,
      done,
      again: 0,
      startedMs: 0,
      isSettled: false,
      fault: null,
    };
    this.#parcels.add(parcel);
    this.#waiting.push(parcel);
    this.#pump();
    return promise;
  }

  readonly #pump = (): void => {
    while (this.#phase === 'flowing' && !this.#isRedeeming && this.#waiting.length > 0) {
      if (!this.#options.places.take(this.#pump)) return;
      this.#start(this.#waiting.shift()!);
    }
  };

  #start(parcel: Parcel): void {
    parcel.startedMs = this.#options.clock.now();
    parcel.fault = null;
    this.#inHand.add(parcel);
    const handled =
      claimCheckOf(parcel.received) === null
        ? this.#options.handler(this.#deliveryOf(parcel, incoming(parcel.received)))
        : this.#redeem(parcel);
    handled.then(
      () => this.#handled(parcel),
      (thrown) => {
        const { code, message } = toRuntimeError(thrown);
        parcel.fault ??= { code, detail: message };
        this.#handled(parcel);
      },
    );
  }

  /** What follows a message with a claim check waits until its body is here: S1. */
  async #redeem(parcel: Parcel): Promise<void> {
    const delivery = this.#deliveryOf(parcel, incoming(parcel.received));
    this.#isRedeeming = true;
    const message = await this.#whole(parcel, delivery).finally(() => {
      this.#isRedeeming = false;
    });
    const handled = message && this.#options.handler({ ...delivery, message });
    this.#pump();
    await handled;
  }

  /** The message with its body; null where that is gone, and then it is a dead letter. */
  async #whole({ received }: Parcel, delivery: Delivery): Promise<BusMessage | null> {
    try {
      return await this.#options.claims.redeem(received);
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      if (error.retryable) throw thrown;
      await refuseUnread(delivery, error, this.#options.telemetry);
      return null;
    }
  }

  #handled(parcel: Parcel): void {
    this.#inHand.delete(parcel);
    this.#busyMs = this.#options.clock.now();
    if (this.#phase !== 'gone') this.#putAway(parcel);
    // After the phase is known: whoever waits for the place, this shard too, is called at once.
    this.#options.places.giveBack();
  }

  #putAway(parcel: Parcel): void {
    if (parcel.isSettled) {
      this.#parcels.delete(parcel);
      parcel.done();
    } else {
      parcel.again += 1;
      this.#failed.push(parcel);
      if (this.#phase === 'flowing') this.#phase = 'settling';
    }
    if (this.#inHand.size > 0) return;
    if (this.#phase === 'settling') void this.#pause();
    if (this.#phase === 'leaving') void this.#giveBack();
  }

  #deliveryOf(parcel: Parcel, message: BusMessage): Delivery {
    const { claims, telemetry, limits } = this.#options;
    const { received } = parcel;
    const { messageId } = message;
    return {
      message,
      deliveryCount: (received.deliveryCount ?? 0) + 1 + parcel.again,
      complete: async () => {
        await this.#settle(parcel, () => this.#receiver.completeMessage(received));
        this.#faults = 0;
        try {
          await claims.forget(received);
        } catch (thrown) {
          // The message is done; what stays behind takes room and nothing else.
          const task = `removing the body of ${messageId}`;
          telemetry.record({ name: 'background-failed', task, error: toRuntimeError(thrown) });
        }
      },
      abandon: async (reason) => {
        parcel.fault = reason;
      },
      deadLetter: ({ code, detail }) =>
        this.#settle(parcel, () => {
          const claim = claimCheckOf(received);
          const kept = claim === null ? detail : `${detail} (its body is kept as blob ${claim})`;
          return this.#receiver.deadLetterMessage(received, {
            deadLetterReason: code,
            deadLetterErrorDescription: kept.slice(0, limits.reasonCharsMax),
            deadLetteredAt: new Date(this.#options.clock.now()).toISOString(),
          });
        }),
    };
  }

  async #settle(parcel: Parcel, settle: () => Promise<void>): Promise<void> {
    try {
      if (this.#phase === 'gone' || this.#lock.isLost) throw lostLock(this.id);
      // A broker that stopped answering would keep it waiting beyond the lock.
      await Promise.race([settle(), this.#lost.promise]);
      parcel.isSettled = true;
    } catch (thrown) {
      const error = unavailable(thrown, `settling a message of shard ${this.id}`);
      this.#lose(error);
      throw error;
    }
  }

  async #pause(): Promise<void> {
    const { clock, ids, limits, telemetry } = this.#options;
    this.#phase = 'pausing';
    this.#faults += 1;
    this.#failed.sort((a, b) => a.number - b.number);
    telemetry.record({
      name: 'shard-paused',
      shard: this.id,
      code: this.#failed[0]?.fault?.code ?? 'INVARIANT_BROKEN',
      attempt: this.#faults,
    });
    const backoff = { baseMs: limits.retryBaseMs * 4, capMs: limits.retryCapMs };
    const pauseMs = backoffMs(this.#faults, backoff, ids.chance());
    const isOver = await clock.sleep(pauseMs, this.#awaken.signal).then(
      () => true,
      () => false,
    );
    if (!isOver || this.#phase !== 'pausing') return;
    this.#waiting.unshift(...this.#failed);
    this.#failed = [];
    this.#phase = 'flowing';
    this.#pump();
  }

  async #giveBack(): Promise<void> {
    this.#phase = 'gone';
    await this.#options.line.farewell(() => this.#receiver.close());
    this.#finish(this.#leaving);
  }

  #lose(error: Error): void {
    if (this.#phase === 'gone') return;
    this.#phase = 'gone';
    this.#awaken.abort();
    this.#lost.reject(error);
    this.#options.telemetry.record({
      name: 'bus-retried',
      task: `shard ${this.id}`,
      error,
      attempt: 1,
    });
    void this.#options.line.farewell(() => this.#receiver.close()).then(() => this.#finish('lost'));
  }

  #finish(reason: Leaving | 'lost'): void {
    for (const { done } of this.#parcels) done();
    this.#parcels.clear();
    this.#waiting = [];
    this.#options.telemetry.record({ name: 'shard-released', shard: this.id, reason });
    this.#end();
  }
}

function lostLock(shard: string): RuntimeError {
  return new RuntimeError('BUS_UNAVAILABLE', `the lock of shard ${shard} is lost`);
}
