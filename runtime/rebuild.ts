/**
 * History read again: into a new generation, into the kept one, or into a scratch copy to compare with.
 *
 *     loading ─▶ indexing ─▶ loading (what came meanwhile) ─▶ alone: the last stretch, the change
 *
 * Readers and the follower go on with the old generation until the last step. A build that is cut off
 * by a passing fault, a stop or a crash is left where it is, and the next one goes on with it.
 */
import { RuntimeError, toRuntimeError } from './errors.ts';
import type { RecordedEvent } from './event.ts';
import { limits } from './limits.ts';
import type { Clock } from './ports/clock.ts';
import type { EventFilter, Log } from './ports/log.ts';
import type { Checksum, Generations, Sink } from './ports/sink.ts';

export interface RebuildOptions {
  /** Events a second at most, to leave the machine to others; absent: as fast as it goes. */
  readonly eventsPerSecondMax?: number;
  /** Keeps the generation that is replaced, to switch back to. */
  readonly keepsOld?: boolean;
}

export interface RebuildStatus {
  /** Loading: from the log into rows. Indexing: all rows are there, readers' indexes are made. */
  readonly phase: 'loading' | 'indexing';
  readonly position: number;
  readonly head: number;
  readonly eventsPerSecond: number;
  /** Of loading. Null while nothing can be said. */
  readonly secondsLeft: number | null;
}

export interface Verification {
  readonly name: string;
  /** Both generations hold exactly the events up to here. */
  readonly position: number;
  readonly isSame: boolean;
  readonly live: Checksum;
  readonly replayed: Checksum;
}

export interface RebuildSource<Change> {
  readonly name: string;
  readonly filter: EventFilter;
  readonly generations: Generations<Change>;
  readonly log: Log;
  readonly clock: Clock;
  readonly changes: (events: readonly RecordedEvent[]) => readonly Change[];
}

/** Runs `work` while nobody else applies. */
type Alone = <T>(work: () => Promise<T>) => Promise<T>;

export class Rebuild<Change> {
  readonly #source: RebuildSource<Change>;
  #status: RebuildStatus | null = null;

  constructor(source: RebuildSource<Change>) {
    this.#source = source;
  }

  get status(): RebuildStatus | null {
    return this.#status;
  }

  /** A new generation, or one that was cut off, made live. Answers where it stands. */
  async renew(signal: AbortSignal, alone: Alone, options: RebuildOptions = {}): Promise<number> {
    const { generations, log } = this.#source;
    const sink = await generations.begin(await log.head());
    const { eventsPerSecondMax: pace } = options;
    try {
      await this.#replay(sink, signal, { pace });
      if (this.#status !== null) this.#status = { ...this.#status, phase: 'indexing' };
      await generations.complete(sink);
      signal.throwIfAborted();
      await this.#replay(sink, signal, { pace });
      return await this.#take(sink, signal, alone, options.keepsOld === true);
    } catch (thrown) {
      const isPassing = signal.aborted || toRuntimeError(thrown).retryable;
      await (isPassing ? generations.leave(sink) : generations.discard(sink));
      throw thrown;
    }
  }

  /**
   * The kept generation brought up to date and made live again; the one that was live is kept. Answers
   * where it stands. Throws GENERATION_UNKNOWN where none is kept, PROJECTION_OUTDATED where another
   * version of the code built it, CHECKPOINT_AHEAD where the log was restored since.
   */
  async switchBack(signal: AbortSignal, alone: Alone): Promise<number> {
    const { generations, log, name } = this.#source;
    const sink = await generations.kept();
    if (sink === null) {
      throw new RuntimeError('GENERATION_UNKNOWN', `no generation of ${name} is kept`);
    }
    try {
      const [position, head] = [await sink.position(), await log.head()];
      if (position > head) {
        throw new RuntimeError(
          'CHECKPOINT_AHEAD',
          `the kept generation of ${name} has applied up to ${position}, and the log ends at ${head}`,
        );
      }
      await this.#replay(sink, signal);
      return await this.#take(sink, signal, alone, true);
    } catch (thrown) {
      await generations.leave(sink);
      throw thrown;
    }
  }

  /** Replays history into a scratch generation and compares its rows with the live ones. */
  async verify(signal: AbortSignal): Promise<Verification> {
    const { generations, name } = this.#source;
    const scratch = await generations.begin();
    try {
      const { sink } = await generations.live();
      await this.#replay(scratch, signal, { upTo: await sink.position() });
      // The live generation goes on meanwhile; its digest says where it stood when it was taken.
      const live = await sink.checksum();
      await this.#replay(scratch, signal, { upTo: live.position });
      const replayed = await scratch.checksum();
      const isSame = live.digest === replayed.digest && live.rows === replayed.rows;
      return { name, position: live.position, isSame, live, replayed };
    } finally {
      await generations.discard(scratch);
    }
  }

  #take(sink: Sink<Change>, signal: AbortSignal, alone: Alone, keepsOld: boolean): Promise<number> {
    return alone(async () => {
      await this.#replay(sink, signal);
      const position = await sink.position();
      await this.#source.generations.promote(sink, { keepsOld });
      return position;
    });
  }

  /** Applies history to a generation up to a position, by default the end of the log as it is now. */
  async #replay(
    sink: Sink<Change>,
    signal: AbortSignal,
    { upTo, pace }: { readonly upTo?: number; readonly pace?: number | undefined } = {},
  ): Promise<void> {
    const { changes, clock, filter, log, name } = this.#source;
    const head = upTo ?? (await log.head());
    const start = { position: await sink.position(), ms: clock.now() };
    if (start.position >= head) return;
    const done = new AbortController();
    const reading = AbortSignal.any([signal, done.signal]);
    // A second's worth at most, so that a slow pace is an even one.
    const batchMax = Math.min(limits.subscriptionBatchMax, Math.ceil(pace ?? Infinity));
    let at = start.position;
    let count = 0;
    for await (const batch of log.subscribe({ after: at, filter, signal: reading, batchMax })) {
      const events = batch.events.filter(({ position }) => position <= head);
      const to = Math.min(batch.position, head);
      const next = await sink.apply({ changes: changes(events), from: at, to });
      if (next !== to) {
        throw new RuntimeError('PROJECTION_BUSY', `another runner builds ${name} too`);
      }
      at = next;
      count += events.length;
      const ms = clock.now() - start.ms;
      this.#status = statusAt(at, head, { positions: at - start.position, events: count, ms });
      if (at >= head) done.abort();
      else if (pace !== undefined) {
        await clock.sleep(Math.max(0, (count / pace) * 1_000 - ms), signal);
      }
    }
    signal.throwIfAborted();
  }
}

function statusAt(
  position: number,
  head: number,
  done: { readonly positions: number; readonly events: number; readonly ms: number },
): RebuildStatus {
  const seconds = Math.max(1, done.ms) / 1_000;
  return {
    phase: 'loading',
    position,
    head,
    eventsPerSecond: done.events / seconds,
    secondsLeft: ((head - position) * seconds) / Math.max(1, done.positions),
  };
}
