/**
 * Messages that came without a shard: each is published again with its shard, then completed.
 *
 * Every node takes part. A crash between the two publishes it twice, with the same id and body; it has
 * no effect twice. Messages that came without a session have no order in the broker, so they get none
 * here; a producer that needs its order kept beyond `extractedAt` sets a session id, and its messages
 * then go to the session subscription as they are.
 */
import type {
  ServiceBusClient,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
} from '@azure/service-bus';
import { backoffMs, type Clock, type Ids, type Limits, type Telemetry } from '#runtime';
import type { Entities } from './entities.ts';
import { goodbye, unavailable } from './failure.ts';
import { incoming, isOurs, luggageOf, type Outgoing, outgoing } from './wire.ts';

export interface IntakeOptions {
  readonly client: ServiceBusClient;
  readonly entities: Entities;
  readonly send: (messages: readonly Outgoing[]) => Promise<void>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
  readonly telemetry: Telemetry;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #receiver: ServiceBusReceiver;
  readonly #stopping = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #subscription: { close(): Promise<void> } | null = null;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const { client, entities } = options;
    this.#receiver = client.createReceiver(entities.topic, entities.intake, {
      skipParsingBodyAsJson: true,
    });
  }

  /** The client keeps the link up by itself, over any outage. */
  start(): void {
    const { limits, telemetry } = this.#options;
    this.#subscription = this.#receiver.subscribe(
      {
        processMessage: (received) => this.#pass(received),
        processError: async ({ error }) => {
          telemetry.record({
            name: 'bus-retried',
            task: 'intake',
            error: unavailable(error, 'taking messages without a shard'),
            attempt: 1,
          });
        },
      },
      { autoCompleteMessages: false, maxConcurrentCalls: limits.intakeMessagesMax },
    );
  }

  /** Takes no more, and resolves when what it has is passed on or left to others. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#subscription !== null) await goodbye(this.#options, this.#subscription.close());
    await Promise.all(this.#underWay);
    await goodbye(this.#options, this.#receiver.close());
  }

  async #pass(received: ServiceBusReceivedMessage): Promise<void> {
    const passing = this.#passOn(received);
    this.#underWay.add(passing);
    await passing;
    this.#underWay.delete(passing);
  }

  /** Never rejects: what is not completed comes again when its lock runs out. */
  async #passOn(received: ServiceBusReceivedMessage): Promise<void> {
    try {
      if (await this.#sent(received)) await this.#receiver.completeMessage(received);
      else await this.#receiver.abandonMessage(received);
    } catch (thrown) {
      const error = unavailable(thrown, 'settling a message without a shard');
      this.#options.telemetry.record({ name: 'bus-retried', task: 'intake', error, attempt: 1 });
    }
  }

  /**
   * Whether it is on its way to its shard. Tried until it is, or this node stops, so that an outage
   * does not use up its deliveries.
   */
  async #sent(received: ServiceBusReceivedMessage): Promise<boolean> {
    // A subscription without its filter shows us our own, which have their shard: no loop.
    if (isOurs(received)) return true;
    const { clock, ids, limits, send, telemetry } = this.#options;
    const backoff = { baseMs: limits.retryBaseMs * 4, capMs: limits.retryCapMs };
    const { shards } = limits;
    const message = outgoing(incoming(received), { ids, shards }, luggageOf(received));
    for (let attempt = 1; !this.#stopping.signal.aborted; attempt++) {
      try {
        await send([message]);
        const { messageId, sessionId: shard = '' } = message.wired;
        telemetry.record({ name: 'intake-routed', messageId, shard });
        return true;
      } catch (thrown) {
        const error = unavailable(thrown, 'passing a message on to its shard');
        telemetry.record({ name: 'bus-retried', task: 'intake', error, attempt });
      }
      const pauseMs = backoffMs(attempt, backoff, ids.chance());
      await Promise.allSettled([clock.sleep(pauseMs, this.#stopping.signal)]);
    }
    return false;
  }
}
