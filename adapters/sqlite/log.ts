/**
 * The embedded log: one SQLite file, shared by the processes of one machine.
 *
 *     append ──▶ writer.ts ══ thread ══▶ writer-thread.ts ──▶ group.ts ──▶ the file (format.ts)
 *                                                                  journal.ts │
 *     readStream, readAll, subscribe ◀── reader.ts ◀──────────────────────────╯
 *                              ╰─ at the end of the log: tail.ts
 *
 * To copy the file while this process uses it: `VACUUM INTO`, or another process. POSIX drops a
 * process's locks on a file as soon as any part of that process closes it.
 */
import { setImmediate } from 'node:timers/promises';
import {
  type AppendResult,
  categoryOf,
  type EventBatch,
  type ExpectedRevision,
  type Log,
  limits,
  type NewEvent,
  type ReadAllOptions,
  type ReadStreamOptions,
  type RecordedEvent,
  type Replica,
  RuntimeError,
  type Snapshots,
  type StreamName,
  type SubscribeOptions,
  type Telemetry,
} from '#runtime';
import { onFile } from './error.ts';
import { Reader } from './reader.ts';
import { SqliteReplica } from './replica.ts';
import { SqliteSnapshots } from './snapshots.ts';
import { Tail } from './tail.ts';
import { Writer } from './writer.ts';
import { written } from './written-event.ts';

/** A log with the snapshots that belong to it; they share a file and its writer. */
export interface SqliteStore {
  /** Closing it closes all. */
  readonly log: Log;
  readonly snapshots: Snapshots;
  /** The log as the far end of a copy. */
  readonly replica: Replica;
}

/**
 * Opens a log, or makes a new one; its folder must be there. Any number of processes of one machine may
 * have it open. Rejects with DATA_CORRUPT (foreign, damaged or cut off), DATA_FORMAT_NEWER, LOG_FULL or
 * LOG_UNAVAILABLE (no folder, no permission, locked).
 */
export async function openSqlite(file: string, telemetry?: Telemetry): Promise<SqliteStore> {
  const writer = await Writer.open(file, telemetry);
  try {
    const reader = onFile(file, () => new Reader(file));
    const log = new SqliteLog(writer, reader);
    return {
      log,
      snapshots: new SqliteSnapshots(writer, reader),
      replica: new SqliteReplica(log, writer),
    };
  } catch (thrown) {
    await writer.close();
    throw thrown;
  }
}

class SqliteLog implements Log {
  readonly #writer: Writer;
  readonly #reader: Reader;
  readonly #tail: Tail;

  constructor(writer: Writer, reader: Reader) {
    this.#writer = writer;
    this.#reader = reader;
    this.#tail = new Tail(() => reader.head());
  }

  async append(
    stream: StreamName,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
  ): Promise<AppendResult> {
    if (events.length === 0) throw new RuntimeError('INVARIANT_BROKEN', 'an append of no events');
    const category = categoryOf(stream);
    const request = { stream, category, expected, events: events.map(written) };
    const result = await this.#writer.append(request);
    if (result.kind === 'appended') this.#tail.advance(result.position);
    return result;
  }

  async readStream(
    stream: StreamName,
    options: ReadStreamOptions = {},
  ): Promise<readonly RecordedEvent[]> {
    return this.#reader.readStream(stream, options);
  }

  async readAll({ after, filter, limit }: ReadAllOptions): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for (let position = after; ; ) {
      const batch = this.#reader.scan(position, limit - events.length, filter);
      events.push(...batch.events);
      if (batch.live || events.length >= limit) return events;
      position = batch.position;
      await setImmediate();
    }
  }

  async head(): Promise<number> {
    return this.#reader.head();
  }

  async last(): Promise<RecordedEvent | null> {
    const [event] = this.#reader.scan(this.#reader.head() - 1, 1).events;
    return event ?? null;
  }

  async *subscribe(options: SubscribeOptions): AsyncGenerator<EventBatch, void, void> {
    const { after, filter, signal, batchMax = limits.subscriptionBatchMax } = options;
    for (let position = after; !signal.aborted; ) {
      const batch = this.#reader.scan(position, batchMax, filter);
      yield batch;
      position = batch.position;
      if (batch.live) await this.#tail.beyond(position, signal);
      // History comes in slices, so that others run in between.
      else await setImmediate();
    }
  }

  async close(): Promise<void> {
    // The writer last: the last one out copies the journal into the file, and a reader may not.
    this.#reader.close();
    this.#tail.close();
    await this.#writer.close();
  }
}
