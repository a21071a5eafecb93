/**
 * Reading events of older versions. All events are of version 1 so far, so there is nothing to upcast;
 * what is newer than this code is refused before anything can misread it.
 */
import { type RecordedEvent, RuntimeError } from '#runtime';

const newestVersion = 1;

/** The event in today's version. Throws EVENT_VERSION_UNKNOWN for a newer one. */
export function currentVersion(event: RecordedEvent): RecordedEvent {
  if (event.schemaVersion <= newestVersion) return event;
  throw new RuntimeError(
    'EVENT_VERSION_UNKNOWN',
    `${event.type} at position ${event.position} has version ${event.schemaVersion}`,
    { data: { position: event.position, type: event.type } },
  );
}
