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
import Long from 'long';
import {
  type Backlog,
  type Blobs,
  type Bus,
  type BusMessage,
  type Clock,
  type DeadLetters,
  type DeliveryHandler,
  type Ids,
  type Limits,
  limits as standardLimits,
  type Telemetry,
} from '#runtime';
import { ClaimChecks } from './claim-check.ts';
import { Consumer } from './consumer.ts';
import { Counts } from './counts.ts';
import { QueuedDeadLetters } from './dead-letters.ts';
import { checkEntities, type Entities, entitiesOf } from './entities.ts';
import { unavailable } from './failure.ts';
import { Intake } from './intake.ts';
import { type Access, Line } from './line.ts';
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
  const { access, clock, ids } = options;
  // The line's own patience ends first, so that it hangs up.
  const line = new Line({ access, timeoutMs: limits.busSendMs * 2, clock, limits });
  try {
    await checkEntities(line, entities, ids);
  } catch (thrown) {
    await line.close();
    throw thrown;
  }
  return new ServiceBus(options, limits, entities, line);
}

interface Consuming {
  readonly line: Line;
  readonly consumer: Consumer;
  readonly intake: Intake;
}

export class ServiceBus implements Bus {
  readonly deadLetters: DeadLetters;
  readonly #options: ServiceBusOptions;
  readonly #limits: Limits;
  readonly #entities: Entities;
  readonly #line: Line;
  readonly #claims: ClaimChecks;
  readonly #sending: Sending;
  readonly #counts: Counts;
  #consuming: Consuming | null = null;

  constructor(options: ServiceBusOptions, limits: Limits, entities: Entities, line: Line) {
    this.#options = options;
    this.#limits = limits;
    this.#entities = entities;
    this.#line = line;
    this.#claims = new ClaimChecks(options.blobs, limits);
    const { ids, telemetry } = options;
    this.#sending = new Sending({ line, topic: entities.topic, limits, telemetry });
    this.#counts = new Counts(options.access, entities);
    this.deadLetters = new QueuedDeadLetters({
      line,
      entities,
      claims: this.#claims,
      send: this.#send,
      counts: this.#counts,
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
    const limits = this.#limits;
    // The client asks the broker to answer a request for a shard within this time.
    const line = new Line({ access, timeoutMs: limits.shardRequestMs, clock, limits });
    const around = { clock, ids, telemetry, limits, line, entities: this.#entities };
    const places = new Places(inFlightMax);
    const consumer = new Consumer({ ...around, handler, places, claims: this.#claims });
    const intake = new Intake({ ...around, send: this.#send });
    consumer.start();
    intake.start();
    const consuming = { line, consumer, intake };
    this.#consuming = consuming;
    return () => stop(consuming);
  }

  /** Asks the broker whether it is there. Throws BUS_UNAVAILABLE, after limits.busAnswerMs at most. */
  async check(): Promise<void> {
    const { topic, subscription } = this.#entities;
    const receiver = this.#line.client.createReceiver(topic, subscription);
    try {
      await this.#line.ask(() => receiver.peekMessages(1, { fromSequenceNumber: Long.ZERO }));
    } catch (thrown) {
      throw unavailable(thrown, `asking for subscription ${subscription}`);
    } finally {
      await this.#line.farewell(() => receiver.close());
    }
  }

  async backlog(): Promise<Backlog> {
    const here = this.#sending.waitingMessages + (this.#consuming?.consumer.heldMessages ?? 0);
    const { all } = await this.#counts.read(this.#limits.busAnswerMs);
    return { here, all };
  }

  /** Stops consuming where that goes on, sends what was published, and hangs up. */
  async close(): Promise<void> {
    const consuming = this.#consuming;
    if (consuming !== null) await stop(consuming);
    await Promise.all([
      consuming?.consumer.close().then(() => consuming.line.close()),
      this.#sending.close().then(() => this.#line.close()),
    ]);
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
}

async function stop({ consumer, intake }: Consuming): Promise<void> {
  await Promise.all([consumer.stop(), intake.stop()]);
}
