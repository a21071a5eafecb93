/**
 * A topic of domain events for other services.
 *
 *     body          CloudEvents 1.0, structured JSON
 *     session id    the shard of the actor: whoever subscribes with sessions has each actor in order
 *     message id    the event's: duplicate detection drops what a crash has sent twice
 *     subject       the event's type; properties type, tenantId and stream, for filters
 *
 * A body above limits.busBodyBytesMax is a claim check, as on the way in (claim-check.ts). Nobody here
 * knows when its last reader is done, so these blobs go by the age that their container is given.
 */
import type { ServiceBusClient } from '@azure/service-bus';
import type { OutboundMessage } from '#projections';
import {
  type Blobs,
  type Clock,
  type Limits,
  shardOf,
  limits as standardLimits,
  type Telemetry,
} from '#runtime';
import { ClaimChecks } from './claim-check.ts';
import { type Access, connect } from './connection.ts';
import { checkTopic } from './entities.ts';
import { goodbye } from './failure.ts';
import { Sending } from './sending.ts';
import { type Outgoing, publisher } from './wire.ts';

export interface OutboundTopicOptions {
  readonly access: Access;
  readonly topicName: string;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly limits?: Partial<Limits>;
}

/** Opens the topic. Rejects with BUS_REFUSED, BUS_UNAVAILABLE or CONFIG_INVALID. */
export async function openOutboundTopic(options: OutboundTopicOptions): Promise<OutboundTopic> {
  const limits = { ...standardLimits, ...options.limits };
  const client = connect(options.access, limits.busSendMs);
  try {
    await checkTopic(client, options.topicName);
  } catch (thrown) {
    await goodbye({ clock: options.clock, limits }, client.close());
    throw thrown;
  }
  return new OutboundTopic(options, limits, client);
}

export class OutboundTopic {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #client: ServiceBusClient;
  readonly #claims: ClaimChecks;
  readonly #sending: Sending;

  constructor(options: OutboundTopicOptions, limits: Limits, client: ServiceBusClient) {
    const { blobs, clock, telemetry, topicName: topic } = options;
    this.#clock = clock;
    this.#limits = limits;
    this.#client = client;
    this.#claims = new ClaimChecks(blobs, limits);
    this.#sending = new Sending({ client, topic, clock, limits, telemetry });
  }

  /** Resolves when all are stored, in order. Throws as `Bus.publish`. */
  async publish(messages: readonly OutboundMessage[]): Promise<void> {
    const checked: Outgoing[] = [];
    for (const message of messages) {
      const written = this.#written(message);
      checked.push(this.#claims.isNeeded(written) ? await this.#claims.give(written) : written);
    }
    await this.#sending.send(checked.map(({ wired }) => wired));
  }

  async close(): Promise<void> {
    await this.#sending.close();
    await goodbye({ clock: this.#clock, limits: this.#limits }, this.#client.close());
  }

  #written({ id, stream, tenantId, type, body, ...trace }: OutboundMessage): Outgoing {
    const { correlationId, traceparent } = trace;
    return {
      tenantId,
      wired: {
        body: Buffer.from(body),
        contentType: 'application/cloudevents+json',
        messageId: id,
        subject: type,
        sessionId: String(shardOf(stream, this.#limits.shards)),
        ...(correlationId !== undefined && { correlationId }),
        applicationProperties: {
          publishedBy: publisher,
          type,
          tenantId,
          stream,
          ...(traceparent !== undefined && { traceparent, 'Diagnostic-Id': traceparent }),
        },
      },
    };
  }
}
