/**
 * An event as it stands in KurrentDB, and back.
 *
 *     data       the event's data, JSON
 *     metadata   the event's metadata and its `schemaVersion`, JSON; by these two it is known as ours
 */
import { type EventData, jsonEvent, type KurrentDBClient } from '@kurrent/kurrentdb-client';
import {
  type EventMetadata,
  limits,
  type NewEvent,
  type RecordedEvent,
  RuntimeError,
} from '#runtime';

/** What the client's native reader hands over: bytes, not yet parsed. */
type Chunks = ReturnType<KurrentDBClient['rustClient']['readAll']>;
export type RawEvent = NonNullable<
  Chunks extends AsyncIterable<readonly { event?: infer Event }[]> ? Event : never
>;

type StoredMetadata = EventMetadata & { readonly schemaVersion: number };

/** The server knows ids as UUIDs only. */
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A copy for the client, which makes the JSON only later. Throws EVENT_TOO_LARGE. */
export function storedOf({ id, type, schemaVersion, ...event }: NewEvent): EventData {
  if (!uuid.test(id)) throw new RuntimeError('INVARIANT_BROKEN', `"${id}" is no id of an event`);
  const data = JSON.stringify(event.data);
  const metadata = JSON.stringify(event.metadata);
  const bytes = Buffer.byteLength(data) + Buffer.byteLength(metadata);
  if (bytes > limits.eventBytesMax) {
    throw new RuntimeError('EVENT_TOO_LARGE', `a ${type} of ${bytes} bytes`, { data: { bytes } });
  }
  return jsonEvent({
    id,
    type,
    data: JSON.parse(data),
    metadata: { ...event.metadata, schemaVersion },
  });
}

/** An event of one of our streams. Throws DATA_CORRUPT for one that this system has not written. */
export function recordedOf(raw: RawEvent): RecordedEvent {
  const record = recordOf(raw);
  if (record === null) throw damaged(raw, 'it has not been written by CogniSync');
  return record;
}

/** An event of the global order; null for one of somebody else, who may use the same server. */
export function recordOf(raw: RawEvent): RecordedEvent | null {
  const stored = metadataOf(raw);
  if (stored === null) return null;
  const { schemaVersion, ...metadata } = stored;
  const { id, type, streamId: stream } = raw;
  return {
    id,
    type,
    schemaVersion,
    data: dataOf(raw),
    metadata,
    stream,
    revision: Number(raw.revision),
    position: positionOf(raw.position!),
  };
}

/** The metadata of an event of ours; null for one of somebody else. */
export function metadataOf({ metadata }: RawEvent): StoredMetadata | null {
  try {
    const parsed: unknown = JSON.parse(textOf(metadata));
    return isOurs(parsed) ? parsed : null;
  } catch {
    // Others may write what they like.
    return null;
  }
}

export function isOurs(metadata: unknown): metadata is StoredMetadata {
  if (typeof metadata !== 'object' || metadata === null) return false;
  const { schemaVersion, messageId } = metadata as Partial<StoredMetadata>;
  return typeof schemaVersion === 'number' && typeof messageId === 'string';
}

/** The place of an event as one number: for appends by this client both parts of it are the same. */
export function positionOf({ commit }: { readonly commit: bigint }): number {
  const position = Number(commit);
  if (Number.isSafeInteger(position)) return position;
  throw new RuntimeError('INVARIANT_BROKEN', `position ${commit} is above 2^53`);
}

/** Throws DATA_CORRUPT. */
export function dataOf(raw: RawEvent): unknown {
  try {
    return JSON.parse(textOf(raw.data));
  } catch (cause) {
    throw damaged(raw, (cause as Error).message);
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function damaged({ streamId, revision }: RawEvent, how: string): RuntimeError {
  return new RuntimeError('DATA_CORRUPT', `event ${revision} of ${streamId} is damaged: ${how}`);
}
