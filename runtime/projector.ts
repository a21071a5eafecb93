/**
 * Keeps one projection at the end of the log: history first, then what comes.
 *
 * I6: rows and checkpoint move together, guarded on the old checkpoint, so two runners may both try and
 * only one applies. I7: a projection that fails stops or waits alone. Where it stands is a value
 * (`core/catch-up.ts`); this file only does what that value says.
 */
import type { BuildSource, RebuildStatus } from './build.ts';
import { applied, atPosition, type CatchUp, failed, rateAt } from './core/catch-up.ts';
import { backoffMs } from './core/retry.ts';
import { RuntimeError, toRuntimeError } from './errors.ts';
import type { RecordedEvent } from './event.ts';
import type { Log } from './ports/log.ts';
import type { GenerationStatus, Generations } from './ports/sink.ts';
import type { Telemetry } from './ports/telemetry.ts';
import { Progress } from './progress.ts';
import type { Projection } from './projection.ts';
import { type RebuildOptions, renew, switchBack, type Verification, verify } from './rebuild.ts';
import type { Retrying } from './retrying.ts';
import { traced } from './traced.ts';

/** What every projector of a runtime shares. */
export interface ProjectorSurroundings extends Retrying {
  readonly log: Log;
  readonly telemetry: Telemetry;
  /** An event of any older version in today's. Throws EVENT_VERSION_UNKNOWN. */
  readonly upcast: (event: RecordedEvent) => RecordedEvent;
  /** Whether rows that an older version of the code built are rebuilt at start, or wait for somebody. */
  readonly rebuildOnStart: 'auto' | 'never';
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

export interface Company {
  /** Other projections of the same runtime, to change in the same transaction. */
  readonly beside?: readonly Projector[];
}

/** A checkpoint that only skips events nobody wants is stored this many positions late at most. */
const unstoredPositionsMax = 10_000;

export class Projector<Change = unknown> {
  readonly name: string;
  /** How far the rows have come that readers see. */
  readonly progress = new Progress();
  readonly #projection: Projection<Change>;
  readonly #generations: Generations<Change>;
  readonly #around: ProjectorSurroundings;
  #state: CatchUp | null = null;
  #generation: number | null = null;
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
   * The generation whose rows readers see, for those who keep what they read: null while that is not
   * known, and while its rows stand behind `progress`, as a rebuilt one's may for a moment.
   */
  get generation(): number | null {
    return this.#generation;
  }

  /** Its generations, by number. Throws READ_STORE_UNAVAILABLE. */
  generations(): Promise<readonly GenerationStatus[]> {
    return this.#generations.list();
  }

  /**
   * Builds a new generation from history beside the live one, or goes on with one that was cut off, then
   * takes the live one's place. Readers see the old one until then. Those `beside` it are rebuilt, too,
   * and all change in one transaction at one position, or none does. Rejects with PROJECTION_BUSY while
   * another rebuild, switch or verification of one of them runs, with REQUEST_INVALID where one has no
   * rows; then nothing has begun.
   */
  rebuild({ beside = [], ...options }: RebuildOptions & Company = {}): Promise<void> {
    const all = this.#with(beside);
    return Projector.#exclusively(all, (signal) =>
      Projector.#changing(all, (sources) =>
        renew(sources, signal, (work) => Projector.#whilePaused(all, work), options),
      ),
    );
  }

  /**
   * Makes the kept generation live again, brought up to date, and keeps the one that was; those `beside`
   * it as with `rebuild`. Rejects with GENERATION_UNKNOWN, PROJECTION_OUTDATED, CHECKPOINT_AHEAD, or
   * PROJECTION_BUSY as `rebuild` does.
   */
  switchBack({ beside = [] }: Company = {}): Promise<void> {
    const all = this.#with(beside);
    return Projector.#exclusively(all, (signal) =>
      Projector.#changing(all, (sources) =>
        switchBack(sources, signal, (work) => Projector.#whilePaused(all, work)),
      ),
    );
  }

  /**
   * Replays history into a scratch generation and compares its rows with the live ones (promise 6).
   * Rejects with PROJECTION_BUSY while another rebuild, switch or verification runs.
   */
  verify(): Promise<Verification> {
    return Projector.#exclusively([this], (signal) => verify(this.#source(), signal));
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
        this.#generation = null;
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
    const { sink: found, version } = await this.#generations.live();
    if (version < this.#projection.version) {
      if (this.#around.rebuildOnStart === 'never') {
        this.#state = atPosition(await found.position(), clock.now());
        throw this.#outdated(version);
      }
      await this.#rebuildAtStart(signal);
    }
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
    this.#show(sink.generation, stored);
    for await (const batch of log.subscribe({ after: stored, filter, signal })) {
      const isWorthStoring =
        batch.events.length > 0 || batch.position - stored > unstoredPositionsMax;
      if (isWorthStoring) {
        const to = batch.position;
        const from = stored;
        const apply = () => sink.apply({ changes: this.#changes(batch.events), from, to });
        // What is history to this projection is no part of a trace that is over.
        const isNews = batch.live || this.#state.status === 'live';
        const next = await (isNews ? this.#traced(batch.events, apply) : apply());
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
      this.#show(sink.generation, position);
      if (live && !wasLive) {
        telemetry.record({ name: 'projection-live', projection: this.name, position });
      }
    }
  }

  #traced<T>(events: readonly RecordedEvent[], apply: () => Promise<T>): Promise<T> {
    const { tracer } = this.#around.telemetry;
    return traced(tracer, { name: `project ${this.name}`, kind: 'internal' }, events, apply);
  }

  #show(generation: number, position: number): void {
    this.#generation = position < this.progress.position ? null : generation;
    this.progress.advance(position);
  }

  #changes(events: readonly RecordedEvent[]): readonly Change[] {
    return events.flatMap((event) => this.#projection.project(this.#around.upcast(event)));
  }

  /** Nobody applies yet, so nobody is to be paused. */
  async #rebuildAtStart(signal: AbortSignal): Promise<void> {
    try {
      await Projector.#changing([this], (sources) => renew(sources, signal, (work) => work()));
    } finally {
      this.#rebuild = null;
    }
  }

  /** What a rebuild reads and writes, and how it shows here. */
  #source(): BuildSource<Change> {
    const { clock, log } = this.#around;
    return {
      name: this.name,
      filter: this.#projection.filter,
      generations: this.#generations,
      log,
      clock,
      changes: (events) => this.#changes(events),
      show: (status) => {
        this.#rebuild = status;
      },
    };
  }

  #outdated(version: number): RuntimeError {
    const { name, version: ours } = this.#projection;
    return new RuntimeError(
      'PROJECTION_OUTDATED',
      `version ${version} of ${name} built its rows and this is version ${ours}; ` +
        `they stay as they are until \`cognisync rebuild ${name}\``,
      { data: { version, ours } },
    );
  }

  /** This one and those beside it, each once. */
  #with(beside: readonly Projector[]): readonly Projector[] {
    return [...new Set([this as Projector, ...beside])];
  }

  /** Changes the generations that are live; `work` answers where the new ones stand. */
  static async #changing(
    all: readonly Projector[],
    work: (sources: readonly BuildSource[]) => Promise<number>,
  ): Promise<void> {
    const position = await work(all.map((one) => one.#source()));
    for (const one of all) {
      one.#around.telemetry.record({ name: 'projection-rebuilt', projection: one.name, position });
    }
  }

  /** Claims all of them or none. */
  static async #exclusively<T>(
    all: readonly Projector[],
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const busy = all.find((one) => one.#build !== null);
    if (busy !== undefined) {
      throw new RuntimeError('PROJECTION_BUSY', `${busy.name} is being rebuilt or verified`);
    }
    const abort = new AbortController();
    const ended = work(abort.signal);
    for (const one of all) one.#build = { abort, ended };
    try {
      return await ended;
    } finally {
      for (const one of all) {
        one.#build = null;
        one.#rebuild = null;
      }
    }
  }

  static async #whilePaused<T>(all: readonly Projector[], work: () => Promise<T>): Promise<T> {
    const following = all.filter((one) => one.#following !== null);
    await Promise.all(following.map((one) => one.#pause()));
    try {
      return await work();
    } finally {
      for (const one of following) one.start();
    }
  }

  async #pause(): Promise<void> {
    const following = this.#following;
    following?.abort.abort();
    await following?.ended;
    this.#following = null;
    this.#generation = null;
  }
}
