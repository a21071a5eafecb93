/**
 * A bus that tells what is published on it: which types, how long it took, and whether it was taken. Where
 * traces are kept, publishing is a span, and its context goes with each message that has none.
 */
import {
  type Backlog,
  type Bus,
  type BusMessage,
  type Clock,
  type DeadLetters,
  type DeliveryHandler,
  type Telemetry,
  toRuntimeError,
} from '#runtime';

export class ToldBus implements Bus {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #telemetry: Telemetry;

  constructor(bus: Bus, { clock, telemetry }: { clock: Clock; telemetry: Telemetry }) {
    this.#bus = bus;
    this.#clock = clock;
    this.#telemetry = telemetry;
  }

  get deadLetters(): DeadLetters {
    return this.#bus.deadLetters;
  }

  publish(messages: readonly BusMessage[]): Promise<void> {
    const { tracer } = this.#telemetry;
    if (tracer === undefined) return this.#publish(messages);
    const attributes = { messages: messages.length };
    return tracer.span({ name: 'send', kind: 'producer', attributes }, (_, traceparent) => {
      const traced = (message: BusMessage): BusMessage => ({ traceparent, ...message });
      return this.#publish(messages.map(traced));
    });
  }

  async #publish(messages: readonly BusMessage[]): Promise<void> {
    const startedMs = this.#clock.now();
    const tell = (code?: string) =>
      this.#telemetry.record({
        name: 'messages-published',
        messages,
        ms: this.#clock.now() - startedMs,
        ...(code !== undefined && { code }),
      });
    try {
      await this.#bus.publish(messages);
    } catch (thrown) {
      tell(toRuntimeError(thrown).code);
      throw thrown;
    }
    tell();
  }

  consume(
    handler: DeliveryHandler,
    options: { readonly inFlightMax: number },
  ): Promise<() => Promise<void>> {
    return this.#bus.consume(handler, options);
  }

  check(): Promise<void> {
    return this.#bus.check();
  }

  backlog(): Promise<Backlog> {
    return this.#bus.backlog();
  }
}
