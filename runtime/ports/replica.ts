/**
 * The far end of a copy: a log that takes events with the places that they have elsewhere.
 *
 * R1: id, stream, revision, data and metadata stay as they are; positions are the replica's own. R2: an
 * event is stored only where all that were given before it are, so what a crash leaves is a beginning,
 * never a sieve. R3: each event is stored at its own revision or not at all, so nothing is there twice,
 * however often it is given and by however many.
 */
import type { RecordedEvent } from '../event.ts';

export interface Replica {
  /** The event that stands last in its global order; null for an empty one. Throws LOG_UNAVAILABLE. */
  last(): Promise<RecordedEvent | null>;

  /**
   * Stores events of any streams in the order given; resolves when they are durable, with the number of
   * those that were not there before.
   *
   * One call at a time: the next is made when the last was answered (R2). Throws LOG_UNAVAILABLE or
   * LOG_FULL (retry: some of the first may be stored, repeat the same call), or COPY_DIVERGED for the
   * first in whose place something else stands, or before whose place nothing does.
   */
  extend(events: readonly RecordedEvent[]): Promise<number>;
}
