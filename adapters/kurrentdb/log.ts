/**
 * The log on KurrentDB: how the port's promises are kept with what the server promises.
 *
 *     append ──▶ turns.ts ──▶ writer.ts ══ gRPC ══▶ server
 *     readStream, readAll, subscribe ◀── reader.ts ══ gRPC ══ server
 *                              ╰─ at the end of the log: tail.ts ══ subscription ══ server
 *
 * A subscription reads page after page of `$all` for as long as there is more, and waits at the end. So
 * a slow consumer holds nothing but its place, a place is only ever what was handed over, and the size
 * of a page, not the length of history, bounds what is in memory.
 *
 * K1: an append goes out with an exact revision. For `any` and `stream_exists` the stream's end is read
 * first, since the server recognises their repeats only by what it happens to remember.
 * K2: the server answers a repeat as it answered the first time. It was the first if it stands behind
 * everything that was in the log before it was sent. After an append with an unknown outcome that is
 * asked anew. (Two processes that append the same events within the same moment may both be told
 * `appended`; the events stand once.)
 */
import type { EventData } from '@kurrent/kurrentdb-client';
import {
  type AppendResult,
  type EventBatch,
  type ExpectedRevision,
  type Limits,
  type Log,
  type NewEvent,
  type ReadAllOptions,
  type ReadStreamOptions,
  type RecordedEvent,
  RuntimeError,
  type StreamName,
  type SubscribeOptions,
} from '#runtime';
import type { Connection } from './client.ts';
import { closedLog } from './failure.ts';
import type { Reader } from './reader.ts';
import { positionOf, type RawEvent, recordedOf, storedOf } from './record.ts';
import { Tail } from './tail.ts';
import { Turns } from './turns.ts';
import type { Writer } from './writer.ts';

interface Parts {
  readonly connection: Connection;
  readonly limits: Limits;
  readonly reader: Reader;
  readonly writer: Writer;
  /** The log's end when it was opened. */
  readonly head: number;
}

export class KurrentDbLog implements Log {
  readonly #connection: Connection;
  readonly #limits: Limits;
  readonly #reader: Reader;
  readonly #writer: Writer;
  readonly #tail: Tail;
  readonly #turns: Turns;
  /** Whether an append may have been written of which we have not heard. */
  #isInDoubt = false;
  #closing: Promise<void> | null = null;

  constructor({ connection, limits, reader, writer, head }: Parts) {
    this.#connection = connection;
    this.#limits = limits;
    this.#reader = reader;
    this.#writer = writer;
    const { client } = connection;
    this.#tail = new Tail({ client, limits, readHead: () => reader.head(), position: head });
    this.#turns = new Turns(limits.logAppendsMax);
  }

  async append(
    stream: StreamName,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
  ): Promise<AppendResult> {
    this.#assertOpen();
    if (events.length === 0) throw new RuntimeError('INVARIANT_BROKEN', 'an append of no events');
    const stored = events.map(storedOf);
    return this.#turns.take(stream, () => {
      if (expected === 'no_stream') return this.#appendBehind(stream, stored, -1);
      if (typeof expected === 'number') return this.#appendBehind(stream, stored, expected);
      return this.#appendAtEnd(stream, stored, expected);
    });
  }

  async readStream(
    stream: StreamName,
    options: ReadStreamOptions = {},
  ): Promise<readonly RecordedEvent[]> {
    this.#assertOpen();
    return (await this.#reader.stream(stream, options)).map(recordedOf);
  }

  async readAll({ after, filter, limit }: ReadAllOptions): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for (let next = after; ; ) {
      this.#assertOpen();
      const eventsMax = limit - events.length;
      const batch = await this.#reader.scan({ after: next, filter, eventsMax });
      events.push(...batch.events);
      if (batch.live || events.length >= limit) return events;
      next = batch.next;
    }
  }

  async head(): Promise<number> {
    return (await this.last())?.position ?? 0;
  }

  async last(): Promise<RecordedEvent | null> {
    this.#assertOpen();
    const last = await this.#reader.last();
    if (last !== null) this.#tail.advance(last.position);
    return last;
  }

  async *subscribe(options: SubscribeOptions): AsyncGenerator<EventBatch, void, void> {
    const { filter, signal } = options;
    const eventsMax = options.batchMax ?? this.#limits.subscriptionBatchMax;
    let [place, next] = [options.after, options.after];
    while (!signal.aborted) {
      this.#assertOpen();
      // A look that finds nothing more has passed over everything that was there before it.
      const known = this.#tail.position;
      const scan = await this.#reader.scan({ after: next, filter, eventsMax, signal });
      place = Math.max(place, scan.position, scan.live ? known : 0);
      next = Math.max(place, scan.next);
      yield { events: scan.events, position: place, live: scan.live };
      if (scan.live) await this.#tail.beyond(place, signal);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#tail.close();
    await this.#turns.idle();
    await this.#connection.client.dispose();
  }

  /** Appends behind whatever stands there, unless the events are what stands there. */
  async #appendAtEnd(
    stream: StreamName,
    events: readonly EventData[],
    expected: 'any' | 'stream_exists',
  ): Promise<AppendResult> {
    for (let lost = 0; lost <= this.#limits.conflictRetriesMax; lost++) {
      const last = await this.#reader.stream(stream, {
        direction: 'backward',
        limit: events.length,
      });
      const revision = last.length === 0 ? -1 : Number(last[0]!.revision);
      if (isSame(last, events)) {
        return { kind: 'duplicate', revision, position: positionOf(last[0]!.position!) };
      }
      if (expected === 'stream_exists' && revision < 0) return { kind: 'conflict', actual: -1 };
      const result = await this.#appendBehind(stream, events, revision);
      if (result.kind !== 'conflict') return result;
    }
    throw new RuntimeError('CONFLICT_UNRESOLVED', `${stream} is written by many at once`);
  }

  async #appendBehind(
    stream: StreamName,
    events: readonly EventData[],
    revision: number,
  ): Promise<AppendResult> {
    if (this.#isInDoubt) {
      this.#tail.advance(await this.#reader.head());
      this.#isInDoubt = false;
    }
    const known = this.#tail.position;
    try {
      const answer = await this.#writer.write(stream, events, revision);
      if (answer.kind === 'conflict') return answer;
      this.#tail.advance(answer.position);
      return { ...answer, kind: answer.position > known ? 'appended' : 'duplicate' };
    } catch (thrown) {
      this.#isInDoubt = true;
      throw thrown;
    }
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw closedLog();
  }
}

/** Whether a stream's last events, newest first, are these. */
function isSame(last: readonly RawEvent[], events: readonly EventData[]): boolean {
  return (
    last.length === events.length &&
    events.every(({ id }, at) => last[events.length - 1 - at]!.id === id)
  );
}
