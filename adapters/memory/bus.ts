/**
 * The in-process bus: the default, and the reference for every other.
 *
 * It keeps nothing of its own: `publish` resolves when each message is completed or dead-lettered, so
 * the publisher is the one who still has the message while it is under way, and repeats it after a
 * crash. Dead letters are streams in the log.
 *
 * Order: deliveries start in the order of publishing. An abandoned message comes again after a pause,
 * behind what was published meanwhile.
 */
import {
  type Bus,
  type BusMessage,
  backoffMs,
  type Clock,
  type DeadLetterReason,
  type DeadLetters,
  type Delivery,
  type DeliveryHandler,
  type Ids,
  isErrorCode,
  type Log,
  limits,
  RuntimeError,
  toRuntimeError,
} from '#runtime';
import { LogDeadLetters } from './dead-letters.ts';

/** One message on its way, and who waits for it. */
interface Parcel {
  readonly message: BusMessage;
  readonly done: () => void;
  readonly failed: (error: RuntimeError) => void;
  deliveryCount: number;
}

export class InProcessBus implements Bus {
  readonly deadLetters: DeadLetters;
  readonly #letters: LogDeadLetters;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #stopping = new AbortController();
  #waiting: Parcel[] = [];
  /** The first of `#waiting` that waits; what stands before it is under way. */
  #next = 0;
  #consumer: { readonly handler: DeliveryHandler; readonly inFlightMax: number } | null = null;
  #inFlight = 0;
  #drained: (() => void) | null = null;

  constructor({ log, clock, ids }: { log: Log; clock: Clock; ids: Ids }) {
    this.#clock = clock;
    this.#ids = ids;
    const publish = (messages: readonly BusMessage[]) => this.publish(messages);
    this.#letters = new LogDeadLetters({ log, clock, ids, publish });
    this.deadLetters = this.#letters;
  }

  /**
   * As the port says; all or none are taken. Where several fail, the first one's error is thrown when
   * the last one is settled.
   */
  async publish(messages: readonly BusMessage[]): Promise<void> {
    if (this.#stopping.signal.aborted) throw shuttingDown();
    const waiting = this.#waiting.length - this.#next + messages.length;
    if (waiting > limits.busWaitingMessagesMax) {
      throw new RuntimeError('BUS_SATURATED', `${waiting} messages would wait for a place`);
    }
    const outcomes = messages.map(
      (message) =>
        new Promise<void>((done, failed) => {
          this.#waiting.push({ message, done, failed, deliveryCount: 0 });
        }),
    );
    this.#deliver();
    for (const outcome of await Promise.allSettled(outcomes)) {
      if (outcome.status === 'rejected') throw outcome.reason;
    }
  }

  async consume(
    handler: DeliveryHandler,
    { inFlightMax }: { readonly inFlightMax: number },
  ): Promise<() => Promise<void>> {
    if (this.#consumer !== null) throw new Error('the in-process bus has a consumer already');
    this.#consumer = { handler, inFlightMax };
    this.#deliver();
    return () => this.#stop();
  }

  /** It is here as long as this process is; what it needs of the log, the log is asked for. */
  async check(): Promise<void> {
    if (this.#stopping.signal.aborted) throw shuttingDown();
  }

  #deliver(): void {
    if (this.#consumer === null) return;
    const { handler, inFlightMax } = this.#consumer;
    while (this.#inFlight < inFlightMax && this.#next < this.#waiting.length) {
      const parcel = this.#waiting[this.#next++]!;
      this.#inFlight += 1;
      parcel.deliveryCount += 1;
      const delivery = new InProcessDelivery(parcel, this.#letters, (error) =>
        this.#settle(parcel, error),
      );
      handler(delivery).catch((thrown) => this.#settle(parcel, toRuntimeError(thrown)));
    }
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
  }

  #settle(parcel: Parcel, error: RuntimeError | null): void {
    if (error === null) parcel.done();
    else if (parcel.deliveryCount >= limits.deliveriesMax) parcel.failed(error);
    else void this.#redeliver(parcel);
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#drained?.();
    this.#deliver();
  }

  async #redeliver(parcel: Parcel): Promise<void> {
    const backoff = { baseMs: limits.retryBaseMs * 4, capMs: limits.retryCapMs };
    const pauseMs = backoffMs(parcel.deliveryCount, backoff, this.#ids.chance());
    try {
      await this.#clock.sleep(pauseMs, this.#stopping.signal);
    } catch {
      parcel.failed(shuttingDown());
      return;
    }
    this.#waiting.push(parcel);
    this.#deliver();
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    this.#consumer = null;
    for (const { failed } of this.#waiting.splice(this.#next)) failed(shuttingDown());
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
  }
}

/** Settled once, by whichever of the three comes first. */
class InProcessDelivery implements Delivery {
  readonly message: BusMessage;
  readonly deliveryCount: number;
  readonly #letters: LogDeadLetters;
  readonly #settled: (error: RuntimeError | null) => void;

  constructor(
    { message, deliveryCount }: Parcel,
    letters: LogDeadLetters,
    settled: (error: RuntimeError | null) => void,
  ) {
    this.message = message;
    this.deliveryCount = deliveryCount;
    this.#letters = letters;
    this.#settled = settled;
  }

  async complete(): Promise<void> {
    this.#settled(null);
  }

  async abandon({ code, detail }: DeadLetterReason): Promise<void> {
    this.#settled(new RuntimeError(isErrorCode(code) ? code : 'INTERNAL', detail));
  }

  async deadLetter(reason: DeadLetterReason): Promise<void> {
    await this.#letters.add(this.message, reason);
    this.#settled(null);
  }
}

function shuttingDown(): RuntimeError {
  return new RuntimeError('SHUTTING_DOWN', 'the bus takes nothing new');
}
