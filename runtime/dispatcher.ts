/**
 * From the bus to the actor and back: check, route, settle.
 *
 *     delivery ──▶ contract ──▶ actor ──▶ durable? ──▶ complete
 *                     │ refused    │ refused              │
 *                     ╰────────────┴──▶ dead letter       ╰── passing fault ──▶ abandon
 *
 * I1: nothing is completed before its events are durable. I5: a message that can never be handled is
 * kept with its reason, and holds nobody up.
 */
import type { Contracts, Routed } from './actor.ts';
import type { Directory } from './directory.ts';
import type { Envelope } from './envelope.ts';
import { type RuntimeError, toRuntimeError } from './errors.ts';
import type { Delivery } from './ports/bus.ts';
import type { Clock } from './ports/clock.ts';
import type { SpanStart, Telemetry } from './ports/telemetry.ts';

interface Surroundings {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** One delivery on its way through here. */
interface Handling {
  readonly delivery: Delivery;
  readonly startedMs: number;
  /** Empty until it is read. */
  messageType: string;
  /** The context of its `process`, where that is recorded. */
  traceparent: string | undefined;
}

/** What came of a message: how many events, or why it was not taken. */
type Outcome = number | RuntimeError;

export class Dispatcher {
  readonly #contracts: Contracts;
  readonly #directory: Directory;
  readonly #around: Surroundings;

  constructor(contracts: Contracts, directory: Directory, around: Surroundings) {
    this.#contracts = contracts;
    this.#directory = directory;
    this.#around = around;
  }

  /**
   * Handles one delivery and settles it. The message is in its actor's mailbox when this returns, so
   * that the order of calls is the order of decisions. Rejects only where the settlement itself fails;
   * the bus then delivers again.
   */
  handle(delivery: Delivery): Promise<void> {
    const startedMs = this.#around.clock.now();
    const handling: Handling = { delivery, startedMs, messageType: '', traceparent: undefined };
    let decided: Promise<number>;
    try {
      decided = this.#decide(handling);
    } catch (thrown) {
      return this.#settle(handling, toRuntimeError(thrown));
    }
    return decided.then(
      (events) => this.#settle(handling, events),
      (thrown) => this.#settle(handling, toRuntimeError(thrown)),
    );
  }

  /** Traced: as a child of who sent it, and what comes of it goes on from there. */
  #decide(handling: Handling): Promise<number> {
    const { delivery } = handling;
    const { tracer } = this.#around.telemetry;
    let routed: Routed;
    try {
      routed = this.#contracts.read(delivery.message.body);
    } catch (thrown) {
      if (tracer === undefined) throw thrown;
      return tracer.span(processOf(delivery), (traceparent) => {
        handling.traceparent = traceparent;
        throw thrown;
      });
    }
    const { envelope } = routed;
    handling.messageType = envelope.messageType;
    if (tracer === undefined) return this.#directory.deliver(routed);
    return tracer.span(processOf(delivery, envelope), (traceparent) => {
      handling.traceparent = traceparent;
      return this.#directory.deliver(
        traceparent === undefined ? routed : { ...routed, envelope: { ...envelope, traceparent } },
      );
    });
  }

  /** Where `process` is recorded, a span below it, in which what is told of the message is told, too. */
  #settle(handling: Handling, outcome: Outcome): Promise<void> {
    const { delivery, messageType, traceparent } = handling;
    const { tracer } = this.#around.telemetry;
    if (tracer === undefined || traceparent === undefined) return this.#settled(handling, outcome);
    const { messageId } = delivery.message;
    const start: SpanStart = {
      name: settlementOf(outcome),
      kind: 'client',
      causes: [traceparent],
      attributes: { messageId, messageType: messageType || undefined },
    };
    return tracer.span(start, () => this.#settled(handling, outcome));
  }

  /** A settlement that fails is not told: the message comes again. */
  async #settled(handling: Handling, outcome: Outcome): Promise<void> {
    if (typeof outcome !== 'number') return this.#refused(handling, outcome);
    const { clock, telemetry } = this.#around;
    const { delivery, messageType, startedMs } = handling;
    const { messageId } = delivery.message;
    const ms = clock.now() - startedMs;
    await delivery.complete();
    telemetry.record({ name: 'message-completed', messageId, messageType, events: outcome, ms });
  }

  async #refused(
    { delivery, messageType, startedMs }: Handling,
    { code, message: detail, retryable }: RuntimeError,
  ): Promise<void> {
    const { clock, telemetry } = this.#around;
    const { messageId } = delivery.message;
    const what = { messageId, messageType, code, ms: clock.now() - startedMs };
    if (retryable) {
      telemetry.record({ name: 'message-abandoned', ...what });
      await delivery.abandon({ code, detail });
    } else {
      await delivery.deadLetter({ code, detail });
      telemetry.record({ name: 'message-dead-lettered', ...what });
    }
  }
}

/** Of a delivery whose message has not been read, or could not be: without its envelope. */
function processOf({ deliveryCount, message }: Delivery, envelope?: Envelope): SpanStart {
  const { messageId } = envelope ?? message;
  return {
    name: 'process',
    kind: 'consumer',
    causes: [message.traceparent ?? envelope?.traceparent],
    attributes: {
      messageId,
      messageType: envelope?.messageType,
      deliveryCount,
      correlationId: envelope?.correlationId,
    },
  };
}

function settlementOf(outcome: Outcome): 'complete' | 'abandon' | 'dead_letter' {
  if (typeof outcome === 'number') return 'complete';
  return outcome.retryable ? 'abandon' : 'dead_letter';
}
