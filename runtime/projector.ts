/**
 * Keeps one projection at the end of the log: history first, then what comes.
 *
 * I6: rows and checkpoint move together, guarded on the old checkpoint, so two runners may both try and
 * only one applies. I7: a projection that fails stops or waits alone. Where it stands is a value
 * (`core/catch-up.ts`); this file only does what that value says.
 */
import { applied, atPosition, type CatchUp, failed, rateAt } from './core/catch-up.ts';
import { backoffMs } from './core/retry.ts';
import { RuntimeError, toRuntimeError } from './errors.ts';
import type { RecordedEvent } from './event.ts';
import type { Log } from './ports/log.ts';
import type { Checksum, Generations, Sink } from './ports/sink.ts';
import type { Telemetry } from './ports/telemetry.ts';
import type { Projection } from './projection.ts';
import type { Retrying } from './retrying.ts';

/** What every projector of a runtime shares. */
export interface ProjectorSurroundings extends Retrying {
  readonly log: Log;
  readonly telemetry: Telemetry;
  /** An event of any older version in today's. Throws EVENT_VERSION_UNKNOWN. */
  readonly upcast: (event: RecordedEvent) => RecordedEvent;
}

export interface RebuildStatus {
  readonly position: number;
  readonly head: number;
  readonly eventsPerSecond: number;
  /** Null while nothing can be said. */
  readonly secondsLeft: number | null;
}

export interface ProjectionStatus {
  readonly name: string;
  readonly version: number;
  readonly status: CatchUp['status'] | 'starting' | 'paused';
  readonly position: number;
  readonly head: number;
  /** Positions between the checkpoint and the end of the log. */
  readonly lag: number;
  readonly eventsPerSecond: number;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly rebuild: RebuildStatus | null;
}

export interface Verification {
  readonly name: string;
  /** Both generations hold exactly the events up to here. */
  readonly position: number;
  readonly isSame: boolean;
  readonly live: Checksum;
  readonly replayed: Checksum;
}

/** A checkpoint that only skips events nobody wants is stored this many positions late at most. */
const unstoredPositionsMax = 10_000;

export class Projector<Change = unknown> {
  readonly name: string;
  readonly #projection: Projection<Change>;
  readonly #generations: Generations<Change>;
  readonly #around: ProjectorSurroundings;
  #state: CatchUp | null = null;
  #following: { readonly abort: AbortController; readonly ended: Promise<void> } | null = null;
  #build: { readonly ended: Promise<unknown>; readonly abort: AbortController } | null = null;
  #rebuild: RebuildStatus | null = null;

  constructor(
    projection: Projection<Change>,
    generations: Generations<Change>,
    around: ProjectorSurroundings,
  ) {
    this.name = projection.name;
    this.#projection = projection;
    this.#generations = generations;
    this.#around = around;
  }

  /** Starts following, also what had stopped. Faults show in `status`, not here. */
  start(): void {
    if (this.#following !== null) return;
    if (this.#state !== null) this.#state = { ...this.#state, failures: 0 };
    const abort = new AbortController();
    this.#following = { abort, ended: this.#run(abort.signal) };
  }

  /** Stops between two batches, and a rebuild with it. */
  async stop(): Promise<void> {
    this.#build?.abort.abort();
    await Promise.allSettled([this.#build?.ended]);
    await this.#pause();
  }

  async status(): Promise<ProjectionStatus> {
    const head = await this.#around.log.head();
    const state = this.#state;
    const error = state?.error ?? null;
    return {
      name: this.name,
      version: this.#projection.version,
      status: this.#following === null ? 'paused' : (state?.status ?? 'starting'),
      position: state?.position ?? 0,
      head,
      lag: Math.max(0, head - (state?.position ?? 0)),
      eventsPerSecond: state === null ? 0 : rateAt(state, this.#around.clock.now()),
      error: error === null ? null : { code: error.code, message: error.message },
      rebuild: this.#rebuild,
    };
  }

  /**
   * Builds a new generation from position 0 beside the live one, then takes its place. Readers see the
   * old one until then. Rejects with PROJECTION_BUSY while another rebuild or verification runs.
   */
  rebuild(): Promise<void> {
    return this.#exclusively((signal) => this.#renew(signal, (work) => this.#whilePaused(work)));
  }

  /**
   * Replays history into a scratch generation and compares its rows with the live ones (promise 6).
   * Rejects with PROJECTION_BUSY while another rebuild or verification runs.
   */
  verify(): Promise<Verification> {
    return this.#exclusively(async (signal) => {
      const scratch = await this.#generations.begin();
      try {
        const { sink } = await this.#generations.live();
        await this.#replayInto(scratch, signal, await sink.position());
        // The live generation goes on meanwhile; its digest says where it stood when it was taken.
        const live = await sink.checksum();
        await this.#replayInto(scratch, signal, live.position);
        const replayed = await scratch.checksum();
        const isSame = live.digest === replayed.digest && live.rows === replayed.rows;
        return { name: this.name, position: live.position, isSame, live, replayed };
      } finally {
        await this.#generations.discard(scratch);
      }
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, ids, limits, telemetry } = this.#around;
    const backoff = { baseMs: limits.retryBaseMs, capMs: limits.retryCapMs };
    while (!signal.aborted) {
      try {
        const failures = this.#state?.failures ?? 0;
        if (failures > 0) await clock.sleep(backoffMs(failures, backoff, ids.chance()), signal);
        await this.#follow(signal);
      } catch (thrown) {
        if (signal.aborted) return;
        const error = toRuntimeError(thrown);
        this.#state = failed(this.#state ?? atPosition(0, clock.now()), error, clock.now());
        if (this.#state.status === 'stopped') {
          telemetry.record({ name: 'projection-stopped', projection: this.name, error });
          return;
        }
        const attempt = this.#state.failures;
        telemetry.record({ name: 'projection-retried', projection: this.name, error, attempt });
      }
    }
  }

  /** Follows until aborted or overtaken by another runner. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, log, telemetry } = this.#around;
    const { filter } = this.#projection;
    const { version } = await this.#generations.live();
    if (version < this.#projection.version) await this.#renew(signal, (work) => work());
    const { sink } = await this.#generations.live();
    let stored = await sink.position();
    const head = await log.head();
    if (stored > head) {
      throw new RuntimeError(
        'CHECKPOINT_AHEAD',
        `${this.name} has applied up to ${stored}, and the log ends at ${head}`,
      );
    }
    const failures = this.#state?.failures ?? 0;
    this.#state = { ...atPosition(stored, clock.now()), failures };
    for await (const batch of log.subscribe({ after: stored, filter, signal })) {
      const isWorthStoring =
        batch.events.length > 0 || batch.position - stored > unstoredPositionsMax;
      if (isWorthStoring) {
        const to = batch.position;
        const next = await sink.apply({ changes: this.#changes(batch.events), from: stored, to });
        if (next !== to) {
          const position = next;
          telemetry.record({ name: 'projection-overtaken', projection: this.name, position });
          return;
        }
        stored = next;
        telemetry.record({
          name: 'projection-applied',
          projection: this.name,
          events: batch.events.length,
          position: stored,
        });
      }
      const wasLive = this.#state.status === 'live';
      const { events, position, live } = batch;
      this.#state = applied(this.#state, { events: events.length, position, live }, clock.now());
      if (live && !wasLive) {
        telemetry.record({ name: 'projection-live', projection: this.name, position });
      }
    }
  }

  #changes(events: readonly RecordedEvent[]): readonly Change[] {
    return events.flatMap((event) => this.#projection.project(this.#around.upcast(event)));
  }

  /** A new generation from position 0, made live; its last stretch and the change run `alone`. */
  async #renew(
    signal: AbortSignal,
    alone: (work: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const sink = await this.#generations.begin();
    try {
      await this.#replayInto(sink, signal);
      await alone(async () => {
        await this.#replayInto(sink, signal);
        await this.#generations.promote(sink);
      });
    } catch (thrown) {
      await this.#generations.discard(sink);
      throw thrown;
    } finally {
      this.#rebuild = null;
    }
    const position = await sink.position();
    this.#around.telemetry.record({ name: 'projection-rebuilt', projection: this.name, position });
  }

  /** Applies history to a generation up to a position, by default the end of the log as it is now. */
  async #replayInto(sink: Sink<Change>, signal: AbortSignal, upTo?: number): Promise<void> {
    const { clock, log } = this.#around;
    const { filter } = this.#projection;
    const head = upTo ?? (await log.head());
    const start = { position: await sink.position(), ms: clock.now() };
    if (start.position >= head) return;
    const done = new AbortController();
    const reading = AbortSignal.any([signal, done.signal]);
    let at = start.position;
    let count = 0;
    for await (const batch of log.subscribe({ after: at, filter, signal: reading })) {
      const events = batch.events.filter(({ position }) => position <= head);
      const to = Math.min(batch.position, head);
      const next = await sink.apply({ changes: this.#changes(events), from: at, to });
      if (next !== to) {
        throw new RuntimeError('PROJECTION_BUSY', `another runner builds ${this.name} too`);
      }
      at = next;
      count += events.length;
      const seconds = Math.max(0.001, (clock.now() - start.ms) / 1000);
      const positionsPerSecond = (at - start.position) / seconds;
      this.#rebuild = {
        position: at,
        head,
        eventsPerSecond: count / seconds,
        secondsLeft: (head - at) / positionsPerSecond,
      };
      if (at >= head) done.abort();
    }
    signal.throwIfAborted();
  }

  async #exclusively<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#build !== null) {
      throw new RuntimeError('PROJECTION_BUSY', `${this.name} is being rebuilt or verified`);
    }
    const abort = new AbortController();
    const ended = work(abort.signal);
    this.#build = { abort, ended };
    try {
      return await ended;
    } finally {
      this.#build = null;
      this.#rebuild = null;
    }
  }

  async #whilePaused<T>(work: () => Promise<T>): Promise<T> {
    const wasFollowing = this.#following !== null;
    await this.#pause();
    try {
      return await work();
    } finally {
      if (wasFollowing) this.start();
    }
  }

  async #pause(): Promise<void> {
    const following = this.#following;
    following?.abort.abort();
    await following?.ended;
    this.#following = null;
  }
}
