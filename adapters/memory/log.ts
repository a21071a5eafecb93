/**
 * The log in memory: the reference implementation, small and obviously right.
 *
 * Events are kept as JSON text, so that what is read shares nothing with what was given, as with any
 * real log. Everything is done when a call returns its promise; nothing waits on timers. Several
 * runtimes may share one.
 */
import {
  type AppendResult,
  categoryOf,
  type EventBatch,
  type EventFilter,
  type ExpectedRevision,
  type Log,
  limits,
  type NewEvent,
  type ReadAllOptions,
  type ReadStreamOptions,
  type RecordedEvent,
  RuntimeError,
  type StreamName,
  type SubscribeOptions,
} from '#runtime';

interface Kept {
  readonly id: string;
  readonly category: string;
  readonly type: string;
  readonly position: number;
  /** The RecordedEvent. */
  readonly json: string;
}

export class MemoryLog implements Log {
  /** In order; the event at index i has position i + 1. */
  readonly #all: Kept[] = [];
  /** By stream; the event at index i has revision i. */
  readonly #streams = new Map<StreamName, Kept[]>();
  /** Subscribers that wait for the next append. */
  readonly #waiters = new Set<() => void>();
  #isClosed = false;

  async append(
    stream: StreamName,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
  ): Promise<AppendResult> {
    this.#assertOpen();
    if (events.length === 0) throw new RuntimeError('INVARIANT_BROKEN', 'an append of no events');
    for (const event of events) assertSize(event);

    const standing = this.#streams.get(stream) ?? [];
    const revision = standing.length - 1;
    const believed = expected === 'no_stream' ? -1 : expected;
    const isExact = typeof believed === 'number';

    const from = isExact ? believed + 1 : standing.length - events.length;
    if (from >= 0 && events.every(({ id }, at) => standing[from + at]?.id === id)) {
      const last = from + events.length - 1;
      return { kind: 'duplicate', revision: last, position: standing[last]!.position };
    }
    const isMet = isExact ? believed === revision : believed === 'any' || revision >= 0;
    if (!isMet) return { kind: 'conflict', actual: revision };

    for (const event of events) {
      const position = this.#all.length + 1;
      const recorded: RecordedEvent = { ...event, stream, revision: standing.length, position };
      const { id, type } = event;
      const category = categoryOf(stream);
      const kept = { id, category, type, position, json: JSON.stringify(recorded) };
      standing.push(kept);
      this.#all.push(kept);
    }
    this.#streams.set(stream, standing);
    this.#wake();
    return { kind: 'appended', revision: standing.length - 1, position: this.#all.length };
  }

  async readStream(
    stream: StreamName,
    { from, direction = 'forward', limit = Number.POSITIVE_INFINITY }: ReadStreamOptions = {},
  ): Promise<readonly RecordedEvent[]> {
    this.#assertOpen();
    const standing = this.#streams.get(stream) ?? [];
    const wanted =
      direction === 'forward'
        ? standing.slice(from ?? 0)
        : standing.slice(0, (from ?? standing.length) + 1).reverse();
    return wanted.slice(0, limit).map(recorded);
  }

  async readAll({ after, filter, limit }: ReadAllOptions): Promise<readonly RecordedEvent[]> {
    this.#assertOpen();
    return this.#wanted(after, filter).slice(0, limit).map(recorded);
  }

  async head(): Promise<number> {
    this.#assertOpen();
    return this.#all.length;
  }

  async last(): Promise<RecordedEvent | null> {
    this.#assertOpen();
    const kept = this.#all.at(-1);
    return kept === undefined ? null : recorded(kept);
  }

  async *subscribe(options: SubscribeOptions): AsyncGenerator<EventBatch, void, void> {
    const { after, filter, signal, batchMax = limits.subscriptionBatchMax } = options;
    for (let position = after; !signal.aborted; ) {
      this.#assertOpen();
      const wanted = this.#wanted(position, filter);
      const events = wanted.slice(0, batchMax).map(recorded);
      position = wanted.length > batchMax ? events.at(-1)!.position : this.#endAfter(position);
      yield { events, position, live: position >= this.#all.length };
      if (position >= this.#all.length) await this.#growth(signal);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake();
  }

  #wanted(after: number, { categories, types }: EventFilter = {}): Kept[] {
    return this.#all
      .slice(after)
      .filter(
        ({ category, type }) =>
          (categories?.includes(category) ?? true) && (types?.includes(type) ?? true),
      );
  }

  /** The end of the log; a place beyond it is never taken back. */
  #endAfter(position: number): number {
    return Math.max(position, this.#all.length);
  }

  /** Resolves at the next append, or when the signal is aborted or the log closed. */
  async #growth(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#isClosed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    signal.addEventListener('abort', wake);
    this.#waiters.add(wake);
    await promise;
    signal.removeEventListener('abort', wake);
    this.#waiters.delete(wake);
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new RuntimeError('SHUTTING_DOWN', 'the event log is closed');
  }
}

function recorded({ json }: Kept): RecordedEvent {
  return JSON.parse(json);
}

function assertSize({ type, data, metadata }: NewEvent): void {
  const bytes =
    Buffer.byteLength(JSON.stringify(data)) + Buffer.byteLength(JSON.stringify(metadata));
  if (bytes > limits.eventBytesMax) {
    throw new RuntimeError('EVENT_TOO_LARGE', `a ${type} of ${bytes} bytes`, { data: { bytes } });
  }
}
