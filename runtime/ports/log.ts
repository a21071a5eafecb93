/**
 * The log: the only truth. Streams of events with revisions, in one global order with positions.
 *
 * One conformance suite (`test/contracts/log.ts`) holds every adapter to what is written here.
 */
import type { StreamName } from '../envelope.ts';
import type { NewEvent, RecordedEvent } from '../event.ts';

/** What the appender believes of the stream: nothing there, something there, exactly n, or no matter. */
export type ExpectedRevision = 'any' | 'no_stream' | 'stream_exists' | number;

export type AppendResult =
  /** The events stand at `revision - n + 1 … revision`; `position` is that of the last. */
  | { readonly kind: 'appended'; readonly revision: number; readonly position: number }
  /** The same event ids already stood at that place: the earlier call's answer, nothing written. */
  | { readonly kind: 'duplicate'; readonly revision: number; readonly position: number }
  /** The stream is not where the appender believed; -1 where it does not exist. Nothing written. */
  | { readonly kind: 'conflict'; readonly actual: number };

export interface ReadStreamOptions {
  /** First revision to return, inclusive. Default: the start, or the end when backward. */
  readonly from?: number;
  readonly direction?: 'forward' | 'backward';
  readonly limit?: number;
}

/** Which events of the global order are wanted; absent means all. Both given: both must match. */
export interface EventFilter {
  /** Stream categories: the part before the first `-`. */
  readonly categories?: readonly string[];
  readonly types?: readonly string[];
}

export interface ReadAllOptions {
  /** Last position already seen, exclusive; 0 for the start. */
  readonly after: number;
  readonly filter?: EventFilter;
  readonly limit: number;
}

/** What a subscription hands over at a time. */
export interface EventBatch {
  /** Matching events in order; may be empty when only `position` moved on. */
  readonly events: readonly RecordedEvent[];
  /** Everything up to here has been handed over; the checkpoint to store once applied. */
  readonly position: number;
  /** Whether the end of the log was reached when this batch was read. */
  readonly live: boolean;
}

export interface SubscribeOptions {
  /** Last position already applied, exclusive; 0 for the start. */
  readonly after: number;
  readonly filter?: EventFilter;
  /** Ends the subscription; the iteration then finishes without an error. */
  readonly signal: AbortSignal;
  /** Most events of one batch. Default limits.subscriptionBatchMax. */
  readonly batchMax?: number;
}

export interface Log {
  /**
   * Appends events to one stream, all or none, and resolves when they are durable (fsynced).
   *
   * Called once per turn, by the stream's single activation. Concurrent appends with the same
   * expected revision: exactly one succeeds. Repeating a call whose event ids are already recorded
   * at that place answers `duplicate` with the first call's revision (safe after a lost reply). With
   * `any` and `stream_exists` a repeat is recognised by the ids being the stream's last ones.
   *
   * A conflict is a value, not an error. Throws LOG_UNAVAILABLE or LOG_FULL (retry; the outcome is
   * unknown, repeat the same call) or EVENT_TOO_LARGE (terminal; above limits.eventBytesMax).
   * An empty list of events is a programming error and throws.
   */
  append(
    stream: StreamName,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
  ): Promise<AppendResult>;

  /** The stream's events in order; empty where it does not exist. Throws LOG_UNAVAILABLE. */
  readStream(stream: StreamName, options?: ReadStreamOptions): Promise<readonly RecordedEvent[]>;

  /** Events of all streams after a position, in the global order. Throws LOG_UNAVAILABLE. */
  readAll(options: ReadAllOptions): Promise<readonly RecordedEvent[]>;

  /** The last position that can be read now; 0 for an empty log. */
  head(): Promise<number>;

  /** The event that stands at `head()`; null for an empty log. Throws LOG_UNAVAILABLE. */
  last(): Promise<RecordedEvent | null>;

  /**
   * History from a position, then what comes, without a gap or a repeat over the switch.
   *
   * Pulled: the next batch is read when the consumer asks, so a slow consumer holds nothing but its
   * place, and batches grow with the backlog. An append of this process wakes it at once, one of
   * another process within 50 ms. Yields at least one batch (perhaps empty) with `live: true` each time it
   * reaches the end. Throws LOG_UNAVAILABLE (retry from the last applied position).
   */
  subscribe(options: SubscribeOptions): AsyncIterable<EventBatch>;

  /** Finishes what was accepted, then releases files and connections. Later calls throw. */
  close(): Promise<void>;
}
