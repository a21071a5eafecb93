/** An event as text, the same for the same fact in whatever log it stands. */
import type { RecordedEvent } from '../event.ts';

/** One line of JSON with everything but the position, which each log chooses itself. */
export function eventText(event: RecordedEvent): string {
  const { stream, revision, id, type, schemaVersion, data, metadata } = event;
  return JSON.stringify({ stream, revision, id, type, schemaVersion, data, metadata });
}
