/** An event as it will stand in the file: JSON made, its size checked. */
import { limits, type NewEvent, RuntimeError } from '#runtime';
import type { AppendRequest } from './group.ts';

/** Throws EVENT_TOO_LARGE. */
export function written(event: NewEvent): AppendRequest['events'][number] {
  const { id, type, schemaVersion } = event;
  const data = JSON.stringify(event.data);
  const metadata = JSON.stringify(event.metadata);
  const bytes = Buffer.byteLength(data) + Buffer.byteLength(metadata);
  if (bytes > limits.eventBytesMax) {
    throw new RuntimeError('EVENT_TOO_LARGE', `a ${type} of ${bytes} bytes`, { data: { bytes } });
  }
  return { id, type, schemaVersion, data, metadata };
}
