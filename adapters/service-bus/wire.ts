/**
 * A message as the broker carries it, and back.
 *
 *     body          data: the exact bytes that the message came with
 *     session id    its shard, as text
 *     message id    UUIDv5 of tenant, message id and body: the broker drops a repeat of the same message,
 *                   and never another tenant's, or another body, that happens to have the same id
 *     properties    publishedBy, messageId (the producer's), and where the body can be read tenantId,
 *                   messageType, traceparent and Diagnostic-Id (the client then adds none of its own)
 *
 * A message that others sent says its body in the way of its client: as bytes, as text which that client
 * wrote as a JSON string, or as an AMQP value. `incoming` gives the JSON text that was meant.
 */
import { isUtf8 } from 'node:buffer';
import type { ServiceBusMessage, ServiceBusReceivedMessage } from '@azure/service-bus';
import { contracts } from '#actors';
import { type BusMessage, type Ids, type Routed, shardOf, streamOf, traceparentIn } from '#runtime';

/** Says that a message is one of ours: its body is taken as it is, and it has its shard. */
export const publisher = 'cognisync';

export interface Outgoing {
  readonly wired: ServiceBusMessage & { readonly body: Buffer; readonly messageId: string };
  /** Null where the body can't be read. */
  readonly tenantId: string | null;
}

/** What a message brings along that is not in its body. */
export interface Luggage {
  /** The session that it is of already; absent: its shard is found. */
  readonly sessionId?: string;
  readonly correlationId?: string;
  readonly tracestate?: string;
}

export interface WireOptions {
  readonly ids: Ids;
  readonly shards: number;
}

/**
 * A message to send. One whose body can't be read has the shard of its id, so that some node reads it
 * and puts it to the dead letters.
 */
export function outgoing(
  message: BusMessage,
  { ids, shards }: WireOptions,
  luggage: Luggage = {},
): Outgoing {
  const { messageId, body } = message;
  const routed = read(body);
  const envelope = routed?.envelope;
  const bytes = Buffer.from(body as Uint8Array);
  const tenantId = envelope?.tenantId ?? null;
  const traceparent = message.traceparent ?? envelope?.traceparent;
  const correlationId = envelope?.correlationId ?? luggage.correlationId;
  const shard = shardOf(routed === null ? messageId : streamOf(routed.address), shards);
  return {
    tenantId,
    wired: {
      body: bytes,
      contentType: 'application/json',
      messageId: ids.named(`${JSON.stringify([tenantId, messageId])}${bytes.toString('latin1')}`),
      sessionId: luggage.sessionId ?? String(shard),
      ...(correlationId !== undefined && { correlationId }),
      applicationProperties: {
        publishedBy: publisher,
        messageId,
        ...(envelope && { tenantId: envelope.tenantId, messageType: envelope.messageType }),
        ...(traceparent !== undefined && { traceparent, 'Diagnostic-Id': traceparent }),
        ...(luggage.tracestate !== undefined && { tracestate: luggage.tracestate }),
      },
    },
  };
}

/** A message as it came, with its exact body. */
export function incoming(received: ServiceBusReceivedMessage): BusMessage {
  const traceparent = traceparentOf(received);
  return {
    messageId: messageIdOf(received),
    body: bodyOf(received),
    ...(traceparent !== undefined && { traceparent }),
  };
}

/** What a message without a shard takes along to its shard. */
export function luggageOf(received: ServiceBusReceivedMessage): Luggage {
  const { correlationId } = received;
  const tracestate = textOf(received, 'tracestate');
  return {
    ...(correlationId !== undefined && { correlationId: String(correlationId) }),
    ...(tracestate !== null && { tracestate }),
  };
}

function traceparentOf(received: ServiceBusReceivedMessage): string | undefined {
  const { traceparent, 'Diagnostic-Id': diagnosticId } = received.applicationProperties ?? {};
  return traceparentIn(traceparent) ?? traceparentIn(diagnosticId);
}

/** Whether it was sent by a node of ours. */
export function isOurs(received: ServiceBusReceivedMessage): boolean {
  return textOf(received, 'publishedBy') === publisher;
}

/** An application property that is text; null where there is none. */
export function textOf(received: ServiceBusReceivedMessage, property: string): string | null {
  const value = received.applicationProperties?.[property];
  return typeof value === 'string' ? value : null;
}

function messageIdOf(received: ServiceBusReceivedMessage): string {
  const ours = isOurs(received) ? textOf(received, 'messageId') : null;
  if (ours !== null) return ours;
  const { messageId, sequenceNumber } = received;
  if (messageId === undefined) return `sequence-${sequenceNumber}`;
  return Buffer.isBuffer(messageId) ? messageId.toString('hex') : String(messageId);
}

function bodyOf(received: ServiceBusReceivedMessage): string | Uint8Array {
  const body = meantBy(received);
  if (typeof body !== 'string' || isOurs(received) || !body.trimStart().startsWith('"'))
    return body;
  const text = parsed(body);
  return typeof text === 'string' ? text : body;
}

/** Data sections are bytes, several of them are one body; a value is text, bytes, or a JSON value. */
function meantBy({ body, _rawAmqpMessage }: ServiceBusReceivedMessage): string | Uint8Array {
  if (body === undefined || body === null) return '';
  if (typeof body === 'string') return body;
  if (_rawAmqpMessage.bodyType === 'data') {
    return exact(Array.isArray(body) ? Buffer.concat(body) : (body as Buffer));
  }
  return body instanceof Uint8Array ? exact(body) : JSON.stringify(body);
}

/** Text where bytes are UTF-8. */
export function exact(bytes: Uint8Array): string | Uint8Array {
  if (!isUtf8(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function read(body: string | Uint8Array): Routed | null {
  try {
    return contracts.read(body);
  } catch {
    return null;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
