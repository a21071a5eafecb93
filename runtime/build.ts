/**
 * One generation that history is read into: its way from the log to where it can be live.
 *
 * What it holds is let go in the end: left, for the next build to go on with, or dropped where it holds
 * nothing or can't be gone on with.
 */
import { RuntimeError, toRuntimeError } from './errors.ts';
import type { RecordedEvent } from './event.ts';
import { limits } from './limits.ts';
import type { Clock } from './ports/clock.ts';
import type { EventFilter, Log } from './ports/log.ts';
import type { Generations, Promotion, PromotionOptions, Sink } from './ports/sink.ts';

/** A projection whose history is read again. */
export interface BuildSource<Change = unknown> {
  readonly name: string;
  readonly filter: EventFilter;
  readonly generations: Generations<Change>;
  readonly log: Log;
  readonly clock: Clock;
  readonly changes: (events: readonly RecordedEvent[]) => readonly Change[];
  /** Is told how far it is. */
  readonly show: (status: RebuildStatus) => void;
}

export interface RebuildStatus {
  /**
   * Loading: from the log into rows. Indexing: all rows are there, readers' indexes are made. Waiting: it
   * is ready, for those that change with it.
   */
  readonly phase: 'loading' | 'indexing' | 'waiting';
  readonly position: number;
  readonly head: number;
  readonly eventsPerSecond: number;
  /** Of loading. Null while nothing can be said. */
  readonly secondsLeft: number | null;
}

export interface ReplayOptions {
  /** Default: the end of the log as it is now. */
  readonly upTo?: number;
  /** Events a second at most. */
  readonly pace?: number | undefined;
}

export class Build<Change = unknown> {
  readonly #source: BuildSource<Change>;
  readonly #sink: Sink<Change>;
  #status: RebuildStatus | null = null;
  #isSpoilt = false;

  constructor(source: BuildSource<Change>, sink: Sink<Change>) {
    this.#source = source;
    this.#sink = sink;
  }

  /** A new generation, or the one that was cut off. Throws PROJECTION_BUSY. */
  static async begun<Change>(source: BuildSource<Change>): Promise<Build<Change>> {
    const { generations, log } = source;
    return new Build(source, await generations.begin(await log.head()));
  }

  /** The generation that is kept. Throws GENERATION_UNKNOWN, PROJECTION_OUTDATED, PROJECTION_BUSY. */
  static async kept<Change>(source: BuildSource<Change>): Promise<Build<Change>> {
    const sink = await source.generations.kept();
    if (sink !== null) return new Build(source, sink);
    throw new RuntimeError('GENERATION_UNKNOWN', `no generation of ${source.name} is kept`);
  }

  /** The end of the log. */
  head(): Promise<number> {
    return this.#source.log.head();
  }

  /** Throws CHECKPOINT_AHEAD where the log was restored since. */
  async assertWithinLog(): Promise<void> {
    const [position, head] = [await this.#sink.position(), await this.head()];
    if (position <= head) return;
    const what = `the kept generation of ${this.#source.name}`;
    throw new RuntimeError(
      'CHECKPOINT_AHEAD',
      `${what} has applied up to ${position}, and the log ends at ${head}`,
    );
  }

  /** Reads what is missing, and makes what readers need. */
  async load(signal: AbortSignal, pace: number | undefined): Promise<void> {
    await this.replay(signal, { pace });
    this.#enter('indexing');
    await this.#source.generations.complete(this.#sink, signal);
    signal.throwIfAborted();
    this.#enter('waiting');
  }

  /** Applies history up to a position. Throws PROJECTION_BUSY. */
  async replay(signal: AbortSignal, { upTo, pace }: ReplayOptions = {}): Promise<void> {
    const { changes, clock, filter, log, name } = this.#source;
    const sink = this.#sink;
    const head = upTo ?? (await this.head());
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
      this.#show(statusAt(at, head, { positions: at - start.position, events: count, ms }));
      if (at >= head) done.abort();
      else if (pace !== undefined) {
        await clock.sleep(Math.max(0, (count / pace) * 1_000 - ms), signal);
      }
    }
    signal.throwIfAborted();
  }

  /** Makes it live, and `others` with it in one transaction. */
  promote(others: readonly Build[], options: PromotionOptions): Promise<void> {
    const beside = others.map((other) => other.#promotion(options));
    return this.#source.generations.promote(this.#sink, { ...options, beside });
  }

  /** Says that it failed: after a fault that does not pass, nobody is to go on with it. */
  blame(thrown: unknown): void {
    this.#isSpoilt ||= !toRuntimeError(thrown).retryable;
  }

  /** Ends what was not promoted. */
  async letGo(): Promise<void> {
    const { generations } = this.#source;
    // One that does not even say where it stands may hold something.
    const isEmpty = await this.#sink.position().then(
      (position) => position === 0,
      () => false,
    );
    await (isEmpty || this.#isSpoilt ? generations.discard(this.#sink) : this.leave());
  }

  leave(): Promise<void> {
    return this.#source.generations.leave(this.#sink);
  }

  #promotion(options: PromotionOptions): Promotion {
    return this.#source.generations.promotion(this.#sink, options);
  }

  #enter(phase: RebuildStatus['phase']): void {
    if (this.#status !== null) this.#show({ ...this.#status, phase });
  }

  #show(status: RebuildStatus): void {
    this.#status = status;
    this.#source.show(status);
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
