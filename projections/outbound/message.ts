/**
 * A domain event as other services get it: CloudEvents 1.0 in JSON, structured, so that what they keep
 * or replay is whole without a broker's headers.
 *
 * `type` carries the event's schema version: a new version is a new type, and none changes.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
import { addressOf, type RecordedEvent, type StreamName } from '#runtime';

export interface OutboundMessage {
  /** The event's; a repeat has the same. */
  readonly id: string;
  /** The actor that it is of: messages of one stream are in order. */
  readonly stream: StreamName;
  readonly tenantId: string;
  readonly type: string;
  /** JSON text of the CloudEvent. */
  readonly body: string;
  readonly correlationId?: string;
  readonly traceparent?: string;
}

/** Hands messages to other services; resolves when all are stored, in order, and all again otherwise. */
export type PublishOutbound = (messages: readonly OutboundMessage[]) => Promise<void>;

export function outboundMessage(event: RecordedEvent): OutboundMessage {
  const { id, stream, revision, position, metadata } = event;
  const { tenantId } = addressOf(stream);
  const { correlationId, messageId, recordedAt, traceparent } = metadata;
  const type = `com.cognisync.${event.type}.v${event.schemaVersion}`;
  const trace = {
    ...(correlationId !== undefined && { correlationId }),
    ...(traceparent !== undefined && { traceparent }),
  };
  const cloudEvent = {
    specversion: '1.0',
    id,
    source: `/cognisync/${tenantId}`,
    type,
    subject: stream,
    time: recordedAt,
    datacontenttype: 'application/json',
    // Extensions; their names may hold lower-case letters and digits only.
    tenantid: tenantId,
    revision,
    position: String(position),
    causationid: messageId,
    ...(correlationId !== undefined && { correlationid: correlationId }),
    ...(traceparent !== undefined && { traceparent }),
    data: event.data,
  };
  return { id, stream, tenantId, type, body: JSON.stringify(cloudEvent), ...trace };
}
