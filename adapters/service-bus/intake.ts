/**
 * Messages that came without a shard: each is published again with its shard, then completed.
 *
 * Every node takes part. A crash between the two publishes it twice, with the same id and body; it has
 * no effect twice. Messages that came without a session have no order in the broker, so they get none
 * here; a producer that needs its order kept beyond `extractedAt` sets a session id, and its messages
 * then go to the session subscription as they are (few ids: each costs a node what a shard costs).
 */
import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { backoffMs, type Clock, type Ids, type Limits, type Telemetry } from '#runtime';
import type { Entities } from './entities.ts';
import { unavailable } from './failure.ts';
import type { Line } from './line.ts';
import { incoming, isOurs, luggageOf, type Outgoing, outgoing } from './wire.ts';

export interface IntakeOptions {
  readonly line: Line;
  readonly entities: Entities;
  readonly send: (messages: readonly Outgoing[]) => Promise<void>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
  readonly telemetry: Telemetry;
}

/** A link on which messages come. */
interface Inflow {
  readonly receiver: ServiceBusReceiver;
  readonly subscription: { close(): Promise<void> };
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #stopping = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #inflow: Inflow | null = null;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  start(): void {
    this.#open();
    this.#options.line.whenRenewed(() => this.#open());
  }

  /** Takes no more, and resolves when what it has is passed on or left to others. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const { line } = this.#options;
    await line.farewell(async () => this.#inflow?.subscription.close());
    await Promise.all(this.#underWay);
    await line.farewell(async () => this.#inflow?.receiver.close());
  }

  /** The client tries for as long as its connection lasts; a new one is opened anew. */
  #open(): void {
    if (this.#stopping.signal.aborted) return;
    const { entities, limits, line } = this.#options;
    const receiver = line.client.createReceiver(entities.topic, entities.intake, {
      skipParsingBodyAsJson: true,
      skipConvertingDate: true,
    });
    const subscription = receiver.subscribe(
      {
        processMessage: (received) => this.#pass(received, receiver),
        processError: async ({ error }) => {
          // One that was replaced goes on complaining.
          if (receiver !== this.#inflow?.receiver) return;
          this.#tell(error, 'taking messages without a shard');
        },
      },
      { autoCompleteMessages: false, maxConcurrentCalls: limits.intakeMessagesMax },
    );
    this.#inflow = { receiver, subscription };
  }

  async #pass(received: ServiceBusReceivedMessage, receiver: ServiceBusReceiver): Promise<void> {
    const passing = this.#passOn(received, receiver);
    this.#underWay.add(passing);
    await passing;
    this.#underWay.delete(passing);
  }

  /** Never rejects: what is not completed comes again when its lock runs out. */
  async #passOn(received: ServiceBusReceivedMessage, receiver: ServiceBusReceiver): Promise<void> {
    try {
      const isSent = await this.#sent(received);
      await this.#options.line.ask(() =>
        isSent ? receiver.completeMessage(received) : receiver.abandonMessage(received),
      );
    } catch (thrown) {
      this.#tell(thrown, 'settling a message without a shard');
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
        this.#tell(thrown, 'passing a message on to its shard', attempt);
      }
      const pauseMs = backoffMs(attempt, backoff, ids.chance());
      await Promise.allSettled([clock.sleep(pauseMs, this.#stopping.signal)]);
    }
    return false;
  }

  #tell(thrown: unknown, doing: string, attempt = 1): void {
    const error = unavailable(thrown, doing);
    this.#options.telemetry.record({ name: 'bus-retried', task: 'intake', error, attempt });
  }
}
