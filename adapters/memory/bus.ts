/**
 * The in-process bus: the default, and the reference for every other.
 *
 * It keeps nothing of its own: `publish` resolves when each message is completed or dead-lettered, so
 * the publisher is the one who still has the message while it is under way, and repeats it after a
 * crash. Dead letters are streams in the log.
 *
 * Order: deliveries start in the order of publishing. An abandoned message comes again after a pause,
 * behind what was published meanwhile. Each is handled outside of the async context of whoever published
 * or settled: another message's trace is none of its.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Backlog,
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

export class InProcessBus implements Bus {
  readonly deadLetters: DeadLetters;
  readonly #letters: LogDeadLetters;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #stopping = new AbortController();
  /** Runs what it is given in the async context in which this bus was made. */
  readonly #outside = AsyncLocalStorage.snapshot();
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
    const publication = new Publication(messages.length);
    for (const message of messages) {
      this.#waiting.push(new Parcel(message, publication, this.#letters, this.#settle));
    }
    this.#deliver();
    return publication.settled;
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

  async backlog(): Promise<Backlog> {
    const here = this.#waiting.length - this.#next + this.#inFlight;
    return { here, all: here };
  }

  #deliver(): void {
    if (this.#consumer === null) return;
    const { handler, inFlightMax } = this.#consumer;
    while (this.#inFlight < inFlightMax && this.#next < this.#waiting.length) {
      const parcel = this.#waiting[this.#next++]!;
      this.#inFlight += 1;
      parcel.deliveryCount += 1;
      this.#outside(handler, parcel).catch((thrown) =>
        this.#settle(parcel, toRuntimeError(thrown)),
      );
    }
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
  }

  readonly #settle: Settle = (parcel, error) => {
    const isOver = error === null || parcel.deliveryCount >= limits.deliveriesMax;
    if (isOver) parcel.publication.settle(error);
    else void this.#redeliver(parcel);
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#drained?.();
    this.#deliver();
  };

  async #redeliver(parcel: Parcel): Promise<void> {
    const backoff = { baseMs: limits.retryBaseMs * 4, capMs: limits.retryCapMs };
    const pauseMs = backoffMs(parcel.deliveryCount, backoff, this.#ids.chance());
    try {
      await this.#clock.sleep(pauseMs, this.#stopping.signal);
    } catch {
      parcel.publication.settle(shuttingDown());
      return;
    }
    this.#waiting.push(parcel);
    this.#deliver();
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    this.#consumer = null;
    for (const { publication } of this.#waiting.splice(this.#next)) {
      publication.settle(shuttingDown());
    }
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
  }
}

/** Messages that were published together: settled with the last of them. */
class Publication {
  readonly settled: Promise<void>;
  #left: number;
  #error: RuntimeError | null = null;
  readonly #done: () => void;
  readonly #failed: (error: RuntimeError) => void;

  constructor(count: number) {
    this.#left = count;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.settled = promise;
    this.#done = resolve;
    this.#failed = reject;
    if (count === 0) resolve();
  }

  settle(error: RuntimeError | null): void {
    this.#error ??= error;
    this.#left -= 1;
    if (this.#left > 0) return;
    if (this.#error === null) this.#done();
    else this.#failed(this.#error);
  }
}

type Settle = (parcel: Parcel, error: RuntimeError | null) => void;

/** One message on its way, delivered once or several times. */
class Parcel implements Delivery {
  readonly message: BusMessage;
  readonly publication: Publication;
  deliveryCount = 0;
  readonly #letters: LogDeadLetters;
  readonly #settle: Settle;

  constructor(
    message: BusMessage,
    publication: Publication,
    letters: LogDeadLetters,
    settle: Settle,
  ) {
    this.message = message;
    this.publication = publication;
    this.#letters = letters;
    this.#settle = settle;
  }

  async complete(): Promise<void> {
    this.#settle(this, null);
  }

  async abandon({ code, detail }: DeadLetterReason): Promise<void> {
    this.#settle(this, new RuntimeError(isErrorCode(code) ? code : 'INTERNAL', detail));
  }

  async deadLetter(reason: DeadLetterReason): Promise<void> {
    await this.#letters.add(this.message, reason);
    this.#settle(this, null);
  }
}

function shuttingDown(): RuntimeError {
  return new RuntimeError('SHUTTING_DOWN', 'the bus takes nothing new');
}
