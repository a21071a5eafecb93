/**
 * One line of messages into a topic: what is asked for while a batch is under way goes with the next.
 *
 *     send ──▶ ▒▒▒▒▒▒▒▒▒▒ ──▶ batch of what fits ──▶ [retry [breaker [broker]]] ──▶ stored
 *
 * Order: batches are sent one after the other, in the order of asking, so a batch that is repeated is
 * not overtaken. A batch under load carries hundreds of messages, one at a time carries one.
 */
import type {
  ServiceBusMessage,
  ServiceBusMessageBatch,
  ServiceBusSender,
} from '@azure/service-bus';
import {
  BrokenCircuitError,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  type IPolicy,
  retry,
  wrap,
} from 'cockatiel';
import { type Limits, RuntimeError, type Telemetry, toRuntimeError } from '#runtime';
import { unavailable } from './failure.ts';
import type { Line } from './line.ts';

/** Messages that were asked for together, and who waits for them. */
interface Order {
  readonly messages: readonly ServiceBusMessage[];
  readonly stored: () => void;
  readonly failed: (error: RuntimeError) => void;
  /** The first that is in no batch yet. */
  next: number;
}

/** What goes together: a batch, and the orders that stand or fall with it, the first in the line. */
interface Parcel {
  batch: ServiceBusMessageBatch | null;
  orders: readonly Order[];
}

export interface SendingOptions {
  readonly line: Line;
  readonly topic: string;
  readonly limits: Limits;
  readonly telemetry: Telemetry;
}

export class Sending {
  readonly #options: SendingOptions;
  #sender: ServiceBusSender;
  readonly #policy: IPolicy;
  #orders: Order[] = [];
  #waiting = 0;
  #work: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: SendingOptions) {
    this.#options = options;
    const { line, topic } = options;
    this.#sender = line.client.createSender(topic);
    line.whenRenewed(() => {
      this.#sender = line.client.createSender(topic);
    });
    this.#policy = policyOf(options);
  }

  /**
   * Resolves when the broker has stored all of them. Rejects with BUS_UNAVAILABLE (some may be stored;
   * send all again), BUS_SATURATED, SHUTTING_DOWN, or MESSAGE_TOO_LARGE for what no batch can hold.
   */
  async send(messages: readonly ServiceBusMessage[]): Promise<void> {
    if (messages.length === 0) return;
    this.assertRoom(messages.length);
    this.#waiting += messages.length;
    const { promise, resolve: stored, reject: failed } = Promise.withResolvers<void>();
    this.#orders.push({ messages, stored, failed, next: 0 });
    this.#work ??= this.#run();
    return promise.finally(() => {
      this.#waiting -= messages.length;
    });
  }

  get waitingMessages(): number {
    return this.#waiting;
  }

  /** Throws what `send` would at once, before anybody takes the pains of writing messages. */
  assertRoom(messages: number): void {
    const { limits, topic } = this.#options;
    if (this.#isClosed) throw new RuntimeError('SHUTTING_DOWN', `nothing goes to ${topic}`);
    if (this.#waiting + messages <= limits.busWaitingMessagesMax) return;
    throw new RuntimeError('BUS_SATURATED', `${this.#waiting} messages wait to be sent`);
  }

  /** Sends what was asked for, then takes nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#work;
    await this.#options.line.farewell(() => this.#sender.close());
  }

  /** Never rejects: whatever goes wrong reaches those who wait. */
  async #run(): Promise<void> {
    // After the publishes of this moment, so that they share the first batch.
    await Promise.resolve();
    while (this.#orders.length > 0) {
      // Where no batch can be made, nobody in the line can be served.
      const parcel: Parcel = { batch: null, orders: this.#orders };
      try {
        await this.#policy.execute(() => this.#attempt(parcel));
        const done = parcel.orders.filter(({ messages, next }) => next === messages.length);
        this.#orders = this.#orders.slice(done.length);
        for (const { stored } of done) stored();
      } catch (thrown) {
        const error = failureOf(thrown, this.#options.topic);
        this.#orders = this.#orders.slice(parcel.orders.length);
        for (const { failed } of parcel.orders) failed(error);
      }
    }
    this.#work = null;
  }

  /** Sends a batch, filled by the first attempt that could make one. */
  async #attempt(parcel: Parcel): Promise<void> {
    const { limits, line, topic } = this.#options;
    try {
      if (parcel.batch === null) {
        const batch = await line.ask(() => this.#sender.createMessageBatch(), limits.busSendMs);
        this.#fill(parcel, batch);
        parcel.batch = batch;
      }
      const { batch } = parcel;
      await line.ask(() => this.#sender.sendMessages(batch), limits.busSendMs);
    } catch (thrown) {
      throw unavailable(thrown, `sending to ${topic}`);
    }
  }

  /** Moves what fits from the line into a batch. */
  #fill(parcel: Parcel, batch: ServiceBusMessageBatch): void {
    const taken: Order[] = [];
    for (const order of this.#orders) {
      const first = order.next;
      while (order.next < order.messages.length) {
        if (!batch.tryAddMessage(order.messages[order.next]!)) break;
        order.next += 1;
      }
      if (order.next > first) taken.push(order);
      if (order.next < order.messages.length) break;
    }
    parcel.orders = taken.length > 0 ? taken : this.#orders.slice(0, 1);
    if (batch.count > 0) return;
    throw new RuntimeError('MESSAGE_TOO_LARGE', 'the broker takes no message of this size');
  }
}

/** Attempts with pauses; after too many failures in a row nobody waits for a broker that is away. */
function policyOf({ limits, telemetry }: SendingOptions): IPolicy {
  const passing = handleWhen((error) => toRuntimeError(error).retryable);
  const retrying = retry(passing, {
    maxAttempts: limits.busSendRetriesMax,
    backoff: new ExponentialBackoff({
      initialDelay: limits.retryBaseMs,
      maxDelay: limits.retryCapMs,
    }),
  });
  retrying.onRetry((event) => {
    const error = toRuntimeError('error' in event ? event.error : event.value);
    telemetry.record({ name: 'bus-retried', task: 'send', error, attempt: event.attempt });
  });
  const breaking = circuitBreaker(passing, {
    breaker: new ConsecutiveBreaker(limits.busBreakerFailuresMax),
    halfOpenAfter: limits.busBreakerMs,
  });
  return wrap(retrying, breaking);
}

function failureOf(thrown: unknown, topic: string): RuntimeError {
  if (!(thrown instanceof BrokenCircuitError)) return toRuntimeError(thrown);
  return new RuntimeError('BUS_UNAVAILABLE', `sending to ${topic} failed too often; it is paused`);
}
