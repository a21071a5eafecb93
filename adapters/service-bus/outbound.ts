/**
 * A topic of domain events for other services.
 *
 *     body          CloudEvents 1.0, structured JSON
 *     session id    the shard of the actor: whoever subscribes with sessions has each actor in order
 *     message id    the event's: duplicate detection drops what a crash has sent twice
 *     subject       the event's type; properties type, tenantId and stream, for filters
 *
 * Each message has the trace of its event, in its properties and in the CloudEvent, so that what its readers
 * do is in that trace too. Sending them is a part of projecting them, and history has no spans.
 *
 * A body above limits.busBodyBytesMax is a claim check, as on the way in (claim-check.ts). Nobody here
 * knows when its last reader is done, so these blobs go by the age that their container is given.
 */
import type { OutboundMessage } from '#projections';
import {
  type Blobs,
  type Clock,
  type Limits,
  shardOf,
  limits as standardLimits,
  type Telemetry,
  tracedPart,
} from '#runtime';
import { ClaimChecks } from './claim-check.ts';
import { checkTopic } from './entities.ts';
import { type Access, Line } from './line.ts';
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
  const { access, clock } = options;
  const line = new Line({ access, timeoutMs: limits.busSendMs * 2, clock, limits });
  try {
    await checkTopic(line, options.topicName);
  } catch (thrown) {
    await line.close();
    throw thrown;
  }
  return new OutboundTopic(options, limits, line);
}

export class OutboundTopic {
  readonly #limits: Limits;
  readonly #line: Line;
  readonly #claims: ClaimChecks;
  readonly #sending: Sending;
  readonly #telemetry: Telemetry;
  readonly #topic: string;

  constructor(options: OutboundTopicOptions, limits: Limits, line: Line) {
    const { blobs, telemetry, topicName: topic } = options;
    this.#limits = limits;
    this.#telemetry = telemetry;
    this.#topic = topic;
    this.#line = line;
    this.#claims = new ClaimChecks(blobs, limits);
    this.#sending = new Sending({ line, topic, limits, telemetry });
  }

  /** Resolves when all are stored, in order. Throws as `Bus.publish`. */
  publish(messages: readonly OutboundMessage[]): Promise<void> {
    const attributes = { destination: this.#topic, messages: messages.length };
    // Of kind client: what it made is not its own context, but those of the events.
    const span = { name: 'send', kind: 'client', attributes } as const;
    return tracedPart(this.#telemetry.tracer, span, () => this.#publish(messages));
  }

  async #publish(messages: readonly OutboundMessage[]): Promise<void> {
    const checked: Outgoing[] = [];
    for (const message of messages) {
      const written = this.#written(message);
      checked.push(this.#claims.isNeeded(written) ? await this.#claims.give(written) : written);
    }
    await this.#sending.send(checked.map(({ wired }) => wired));
  }

  async close(): Promise<void> {
    await this.#sending.close();
    await this.#line.close();
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
