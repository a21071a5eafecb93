/**
 * The bus on Azure Service Bus, or on anything that speaks as it does.
 *
 *     publish ─▶ wire ─▶ claim check? ─▶ sending ─▶ topic ─┬─ session subscription ─▶ consumer ─▶ shards
 *                                          ▲               └─ intake subscription ──▶ intake ─╮
 *                                          ╰──────────────────────────────────────────────────╯
 *
 * Two connections: one for all that is sent and asked, one for what is consumed, so that neither waits
 * behind the other. Both come back by themselves after an outage.
 */
import type { ServiceBusClient } from '@azure/service-bus';
import Long from 'long';
import {
  type Blobs,
  type Bus,
  type BusMessage,
  type Clock,
  type DeadLetters,
  type DeliveryHandler,
  type Ids,
  type Limits,
  RuntimeError,
  limits as standardLimits,
  type Telemetry,
} from '#runtime';
import { ClaimChecks } from './claim-check.ts';
import { type Access, connect } from './connection.ts';
import { Consumer } from './consumer.ts';
import { QueuedDeadLetters } from './dead-letters.ts';
import { checkEntities, type Entities, entitiesOf } from './entities.ts';
import { goodbye, unavailable } from './failure.ts';
import { Intake } from './intake.ts';
import { Places } from './places.ts';
import { Sending } from './sending.ts';
import { type Outgoing, outgoing } from './wire.ts';

export interface ServiceBusOptions {
  readonly access: Access;
  readonly topicName: string;
  /** The session subscription; the intake's name is this and `-intake`. */
  readonly subscriptionName: string;
  /** Where bodies lie that are too large for the broker. All nodes must see the same. */
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly telemetry: Telemetry;
  /** Other bounds than the standard ones, for tests that want to reach them. */
  readonly limits?: Partial<Limits>;
}

/**
 * Opens the bus. Rejects with BUS_REFUSED (an entity is missing or of the wrong kind; all that is wrong
 * in one message), BUS_UNAVAILABLE or CONFIG_INVALID.
 */
export async function openServiceBus(options: ServiceBusOptions): Promise<ServiceBus> {
  const limits = { ...standardLimits, ...options.limits };
  const entities = entitiesOf(options.topicName, options.subscriptionName);
  const client = connect(options.access, limits.busSendMs);
  try {
    await checkEntities(client, entities, options.ids);
  } catch (thrown) {
    await goodbye({ clock: options.clock, limits }, client.close());
    throw thrown;
  }
  return new ServiceBus(options, limits, entities, client);
}

export class ServiceBus implements Bus {
  readonly deadLetters: DeadLetters;
  readonly #options: ServiceBusOptions;
  readonly #limits: Limits;
  readonly #entities: Entities;
  readonly #client: ServiceBusClient;
  readonly #claims: ClaimChecks;
  readonly #sending: Sending;
  #consuming: { readonly consumer: Consumer; readonly intake: Intake } | null = null;

  constructor(
    options: ServiceBusOptions,
    limits: Limits,
    entities: Entities,
    client: ServiceBusClient,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#entities = entities;
    this.#client = client;
    this.#claims = new ClaimChecks(options.blobs, limits);
    const { clock, ids, telemetry } = options;
    this.#sending = new Sending({ client, topic: entities.topic, clock, limits, telemetry });
    this.deadLetters = new QueuedDeadLetters({
      client,
      entities,
      claims: this.#claims,
      send: this.#send,
      wire: { ids, shards: limits.shards },
      limits,
    });
  }

  /** As the port says; resolves when the broker has stored each. Throws MESSAGE_TOO_LARGE too. */
  async publish(messages: readonly BusMessage[]): Promise<void> {
    this.#sending.assertRoom(messages.length);
    const wire = { ids: this.#options.ids, shards: this.#limits.shards };
    await this.#send(messages.map((message) => outgoing(message, wire)));
  }

  async consume(
    handler: DeliveryHandler,
    { inFlightMax }: { readonly inFlightMax: number },
  ): Promise<() => Promise<void>> {
    if (this.#consuming !== null) throw new Error('this bus has a consumer already');
    const { access, clock, ids, telemetry } = this.#options;
    const around = { clock, ids, telemetry, limits: this.#limits, entities: this.#entities };
    const client = connect(access, this.#limits.shardRequestMs);
    const places = new Places(inFlightMax);
    const consumer = new Consumer({ ...around, client, handler, places, claims: this.#claims });
    const intake = new Intake({ ...around, client, send: this.#send });
    this.#consuming = { consumer, intake };
    consumer.start();
    intake.start();
    return async () => {
      await Promise.all([consumer.stop(), intake.stop()]);
    };
  }

  /** Asks the broker whether it is there. Throws BUS_UNAVAILABLE after limits.busAnswerMs. */
  async check(): Promise<void> {
    const { clock } = this.#options;
    const patience = new AbortController();
    const late = clock.sleep(this.#limits.busAnswerMs, patience.signal).then(() => {
      throw new RuntimeError('BUS_UNAVAILABLE', 'the broker does not answer');
    });
    try {
      await Promise.race([this.#peek(), late]);
    } finally {
      patience.abort();
      await Promise.allSettled([late]);
    }
  }

  /** Sends what was published, stops consuming where that goes on, and hangs up. */
  async close(): Promise<void> {
    const consuming = this.#consuming;
    if (consuming !== null) {
      await Promise.all([consuming.consumer.stop(), consuming.intake.stop()]);
      await consuming.consumer.close();
    }
    await this.#sending.close();
    await goodbye({ clock: this.#options.clock, limits: this.#limits }, this.#client.close());
  }

  /** Without claim checks all go into the line at once, in the order of the calls. */
  readonly #send = async (messages: readonly Outgoing[]): Promise<void> => {
    const isLarge = messages.some((message) => this.#claims.isNeeded(message));
    const checked = isLarge ? await this.#checked(messages) : messages;
    await this.#sending.send(checked.map(({ wired }) => wired));
  };

  /** One large body after the other, so that no more than one is copied at a time. */
  async #checked(messages: readonly Outgoing[]): Promise<readonly Outgoing[]> {
    const checked: Outgoing[] = [];
    for (const message of messages) {
      checked.push(this.#claims.isNeeded(message) ? await this.#claims.give(message) : message);
    }
    return checked;
  }

  async #peek(): Promise<void> {
    const { topic, subscription } = this.#entities;
    const receiver = this.#client.createReceiver(topic, subscription);
    try {
      await receiver.peekMessages(1, { fromSequenceNumber: Long.ZERO });
    } catch (thrown) {
      throw unavailable(thrown, `asking for subscription ${subscription}`);
    } finally {
      await receiver.close();
    }
  }
}
