/**
 * Everything that is read, through the client's native reader: it hands over bytes in chunks (of 64
 * events), as they are asked for.
 *
 * Below the client's own `readStream` and `readAll`, since those give a text where they can't parse an
 * event, and don't say how large it was. The native reader has no deadline at all, so every answer is
 * waited for with one. Always of the leader, so that what was appended is read.
 */
import type { KurrentDBClient } from '@kurrent/kurrentdb-client';
import {
  type EventBatch,
  type EventFilter,
  type Limits,
  type ReadStreamOptions,
  type RecordedEvent,
  RuntimeError,
  type StreamName,
} from '#runtime';
import type { Connection } from './client.ts';
import { failureOf, isNoStream } from './failure.ts';
import { everything, isWanted, serverFilter } from './filter.ts';
import { isNoPlace } from './place.ts';
import { metadataOf, positionOf, type RawEvent, recordOf } from './record.ts';
import { isSettledWithin } from './within.ts';

interface ScanOptions {
  /** Exclusive; 0 for the start. */
  readonly after: number;
  readonly filter?: EventFilter | undefined;
  /** Events that are looked at, wanted or not. */
  readonly eventsMax: number;
  /** Ends the wait for a server that says nothing. */
  readonly signal?: AbortSignal | undefined;
}

export interface Scan extends EventBatch {
  /** The last event of ours that was looked at, or 0. No checkpoint may lie beyond our head. */
  readonly position: number;
  /** Where the next look begins: the last event of anybody. */
  readonly next: number;
}

interface Waiting {
  readonly patienceMs: number;
  readonly signal?: AbortSignal | undefined;
}

type ReadOptions = NonNullable<Parameters<KurrentDBClient['rustClient']['readAll']>[0]>;
type Chunks = ReturnType<KurrentDBClient['rustClient']['readAll']>;

const ends = { forward: 'start', backward: 'end' } as const;

export class Reader {
  readonly #client: KurrentDBClient;
  readonly #limits: Limits;
  /** The native reader takes a password from a connection string as it is written there, undecoded. */
  readonly #always: Pick<ReadOptions, 'requiresLeader' | 'resolvesLink' | 'credentials'>;

  constructor({ client, credentials }: Connection, limits: Limits) {
    this.#client = client;
    this.#limits = limits;
    this.#always = {
      requiresLeader: true,
      resolvesLink: false,
      ...(credentials && { credentials }),
    };
  }

  /** A stream's events; none where it does not exist. */
  async stream(
    name: StreamName,
    { from, direction = 'forward', limit = Number.MAX_SAFE_INTEGER }: ReadStreamOptions = {},
  ): Promise<readonly RawEvent[]> {
    const chunks = this.#client.rustClient.readStream(name, {
      ...this.#always,
      direction: `${direction}s`,
      fromRevision: from === undefined ? ends[direction] : BigInt(from),
      maxCount: BigInt(limit),
    });
    const events: RawEvent[] = [];
    for await (const chunk of this.#chunks(chunks, `reading ${name}`)) events.push(...chunk);
    return events;
  }

  /** The last event of ours; null where there is none. */
  async last(): Promise<RecordedEvent | null> {
    // The last of all as a rule; others who use the same server may have written behind it.
    for (const maxCount of [1, Number.MAX_SAFE_INTEGER]) {
      const chunks = this.#client.rustClient.readAll({
        ...this.#always,
        direction: 'backwards',
        fromPosition: ends.backward,
        maxCount: BigInt(maxCount),
        filter: everything,
      });
      for await (const chunk of this.#chunks(chunks, 'reading the end of the log')) {
        for (const raw of chunk) {
          const event = recordOf(raw);
          if (event !== null) return event;
        }
      }
    }
    return null;
  }

  /** The position of the last event of ours; 0 where there is none. */
  async head(): Promise<number> {
    return (await this.last())?.position ?? 0;
  }

  /** One look at what stands behind a place. Throws CHECKPOINT_AHEAD where that is no place here. */
  async scan(options: ScanOptions): Promise<Scan> {
    try {
      return await this.#look(options);
    } catch (thrown) {
      const { after } = options;
      const isAsking = after > 0 && failureOf(thrown, 'reading').code === 'LOG_UNAVAILABLE';
      if (!isAsking || !(await isNoPlace(this.#client, after, this.#limits.logAnswerMs)))
        throw thrown;
      throw new RuntimeError(
        'CHECKPOINT_AHEAD',
        `no event of this log stands at position ${after}`,
      );
    }
  }

  async #look({ after, filter = {}, eventsMax, signal }: ScanOptions): Promise<Scan> {
    const { subscriptionBatchCharsMax, logScanMs } = this.#limits;
    const doing = `reading the log after position ${after}`;
    const chunks = this.#client.rustClient.readAll({
      ...this.#always,
      direction: 'forwards',
      // A read begins with the event at its position, which has been seen.
      fromPosition: after === 0 ? ends.forward : { commit: BigInt(after), prepare: BigInt(after) },
      maxCount: BigInt(eventsMax + 2),
      filter: serverFilter(filter),
    });
    const wants = isWanted(filter);
    const events: RecordedEvent[] = [];
    let [position, next, looks, bytes] = [0, after, 0, 0];
    for await (const chunk of this.#chunks(chunks, doing, { patienceMs: logScanMs, signal })) {
      for (const raw of chunk) {
        const at = positionOf(raw.position!);
        if (at <= after) continue;
        // There is one more than may be looked at: so this is not the end.
        if (looks >= eventsMax || bytes >= subscriptionBatchCharsMax) {
          return { events, position, next, live: false };
        }
        next = at;
        looks += 1;
        bytes += raw.data.length + raw.metadata.length;
        if (metadataOf(raw) === null) continue;
        position = at;
        const event = wants(raw) ? recordOf(raw) : null;
        if (event !== null) events.push(event);
      }
    }
    return { events, position, next, live: true };
  }

  async *#chunks(
    chunks: Chunks,
    doing: string,
    waiting: Waiting = { patienceMs: this.#limits.logAnswerMs },
  ): AsyncGenerator<readonly RawEvent[], void, void> {
    const iterator = chunks[Symbol.asyncIterator]();
    for (;;) {
      const coming = iterator.next();
      try {
        await this.#patience(coming, doing, waiting);
        const { done, value } = await coming;
        if (done) return;
        yield value.flatMap(({ event }) => event ?? []);
      } catch (thrown) {
        if (isNoStream(thrown)) return;
        throw failureOf(thrown, doing);
      }
    }
  }

  /**
   * Waits for an answer. A server that is silent for long may be passing over a stretch that its filter
   * leaves out, without a word; one that answers another question meanwhile is at work.
   */
  async #patience(coming: Promise<unknown>, doing: string, waiting: Waiting): Promise<void> {
    const { logAnswerMs } = this.#limits;
    const { patienceMs, signal } = waiting;
    for (let waitedMs = logAnswerMs; !(await isSettledWithin(logAnswerMs, coming)); ) {
      if (waitedMs >= patienceMs || signal?.aborted) {
        throw new RuntimeError('LOG_UNAVAILABLE', `${doing}: no answer within ${waitedMs} ms`);
      }
      await this.head();
      waitedMs += logAnswerMs;
    }
  }
}
