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
import { type RuntimeError, toRuntimeError } from './errors.ts';
import type { Delivery } from './ports/bus.ts';
import type { Clock } from './ports/clock.ts';
import type { SpanStart, Telemetry } from './ports/telemetry.ts';

interface Surroundings {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

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
    const { clock, telemetry } = this.#around;
    const startedMs = clock.now();
    let decided: Promise<number>;
    let messageType = '';
    try {
      const routed = this.#contracts.read(delivery.message.body);
      messageType = routed.envelope.messageType;
      decided = this.#deliver(routed, delivery);
    } catch (thrown) {
      return this.#refuse(delivery, toRuntimeError(thrown), { messageType, startedMs });
    }
    return decided.then(
      (events) => {
        const ms = clock.now() - startedMs;
        telemetry.record({ name: 'message-completed', messageType, events, ms });
        return delivery.complete();
      },
      (thrown) => this.#refuse(delivery, toRuntimeError(thrown), { messageType, startedMs }),
    );
  }

  /** Traced: as a child of who sent it, and what comes of it goes on from there. */
  #deliver(routed: Routed, { message, deliveryCount }: Delivery): Promise<number> {
    const { tracer } = this.#around.telemetry;
    if (tracer === undefined) return this.#directory.deliver(routed);
    const { envelope } = routed;
    const { correlationId, messageId, messageType } = envelope;
    const start: SpanStart = {
      name: 'process',
      kind: 'consumer',
      causes: [message.traceparent ?? envelope.traceparent],
      attributes: { messageId, messageType, deliveryCount, correlationId },
    };
    return tracer.span(start, (traceparent) =>
      this.#directory.deliver(
        traceparent === undefined ? routed : { ...routed, envelope: { ...envelope, traceparent } },
      ),
    );
  }

  async #refuse(
    delivery: Delivery,
    { code, message: detail, retryable }: RuntimeError,
    { messageType, startedMs }: { readonly messageType: string; readonly startedMs: number },
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
