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
import type { Contracts } from './actor.ts';
import type { Directory } from './directory.ts';
import { type RuntimeError, toRuntimeError } from './errors.ts';
import type { Delivery } from './ports/bus.ts';
import type { Telemetry } from './ports/telemetry.ts';

export class Dispatcher {
  readonly #contracts: Contracts;
  readonly #directory: Directory;
  readonly #telemetry: Telemetry;

  constructor(contracts: Contracts, directory: Directory, telemetry: Telemetry) {
    this.#contracts = contracts;
    this.#directory = directory;
    this.#telemetry = telemetry;
  }

  /**
   * Handles one delivery and settles it. The message is in its actor's mailbox when this returns, so
   * that the order of calls is the order of decisions. Rejects only where the settlement itself fails;
   * the bus then delivers again.
   */
  handle(delivery: Delivery): Promise<void> {
    let decided: Promise<number>;
    let messageType = '';
    try {
      const routed = this.#contracts.read(delivery.message.body);
      messageType = routed.envelope.messageType;
      decided = this.#directory.deliver(routed);
    } catch (thrown) {
      return this.#refuse(delivery, toRuntimeError(thrown));
    }
    return decided.then(
      (events) => {
        this.#telemetry.record({ name: 'message-completed', messageType, events });
        return delivery.complete();
      },
      (thrown) => this.#refuse(delivery, toRuntimeError(thrown)),
    );
  }

  async #refuse(delivery: Delivery, error: RuntimeError): Promise<void> {
    const { messageId } = delivery.message;
    const reason = { code: error.code, detail: error.message };
    if (error.retryable) {
      this.#telemetry.record({ name: 'message-abandoned', messageId, code: error.code });
      await delivery.abandon(reason);
    } else {
      await delivery.deadLetter(reason);
      this.#telemetry.record({ name: 'message-dead-lettered', messageId, code: error.code });
    }
  }
}
