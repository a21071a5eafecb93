/**
 * The frame put together: bus, dispatcher, actors and projectors, started and drained as one.
 *
 * Start: projections follow, then messages flow. Stop: the bus hands out nothing new, what is in
 * flight settles, actors sleep, projectors stop between two batches. A process that is killed instead
 * loses nothing that was settled; it only does this work again.
 */
import type { Surroundings } from './activation.ts';
import type { ActorDefinition, Contracts } from './actor.ts';
import { Directory } from './directory.ts';
import { Dispatcher } from './dispatcher.ts';
import { categoryOf } from './envelope.ts';
import { RuntimeError, toRuntimeError } from './errors.ts';
import type { RecordedEvent } from './event.ts';
import { type Limits, limits as standardLimits } from './limits.ts';
import type { Bus } from './ports/bus.ts';
import type { Clock } from './ports/clock.ts';
import type { Ids } from './ports/ids.ts';
import type { Log } from './ports/log.ts';
import type { Generations } from './ports/sink.ts';
import type { Snapshots } from './ports/snapshots.ts';
import type { Telemetry } from './ports/telemetry.ts';
import type { Projection } from './projection.ts';
import { type ProjectionStatus, Projector } from './projector.ts';

export interface RuntimeOptions {
  readonly log: Log;
  readonly snapshots: Snapshots;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly telemetry: Telemetry;
  readonly contracts: Contracts;
  readonly actors: readonly ActorDefinition[];
  readonly projections: readonly HostedProjection[];
  /** What becomes of rows that an older version of a projection built. Default: auto. */
  readonly rebuildOnStart?: 'auto' | 'never';
  /** Smaller bounds than the standard ones, for tests that want to reach them. */
  readonly limits?: Partial<Limits>;
}

/** A projection and where its rows go. */
export interface HostedProjection<Change = unknown> {
  readonly projection: Projection<Change>;
  readonly generations: Generations<Change>;
}

/** Pairs a projection with generations of its own kind of change. */
export function host<Change>(
  projection: Projection<Change>,
  generations: Generations<Change>,
): HostedProjection {
  return { projection, generations };
}

export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #limits: Limits;
  readonly #directory: Directory;
  readonly #dispatcher: Dispatcher;
  readonly #projectors: ReadonlyMap<string, Projector>;
  #running: { readonly abort: AbortController; readonly ended: Promise<void> } | null = null;
  #stopConsuming: (() => Promise<void>) | null = null;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#limits = { ...standardLimits, ...options.limits };
    const { actors, clock, contracts, ids, log, projections, snapshots, telemetry } = options;
    const { rebuildOnStart = 'auto' } = options;
    const around: Surroundings = { clock, ids, limits: this.#limits, log, snapshots, telemetry };
    this.#directory = new Directory(actors, around);
    this.#dispatcher = new Dispatcher(contracts, this.#directory, around);
    const upcasters = new Map(actors.map(({ kind, upcast }) => [kind, upcast]));
    const upcast = (event: RecordedEvent) =>
      upcasters.get(categoryOf(event.stream))?.(event) ?? event;
    this.#projectors = new Map(
      projections.map(({ projection, generations }) => [
        projection.name,
        new Projector(projection, generations, { ...around, upcast, rebuildOnStart }),
      ]),
    );
  }

  /** How many actors are awake. */
  get activeActors(): number {
    return this.#directory.size;
  }

  /** How many messages wait in their mailboxes; counted by looking at each actor that is awake. */
  get waitingMessages(): number {
    return this.#directory.waitingMessages;
  }

  /** Starts the projections, then takes messages. Rejects where the bus can't be consumed. */
  async start(): Promise<void> {
    for (const projector of this.#projectors.values()) projector.start();
    const abort = new AbortController();
    this.#running = { abort, ended: this.#sweep(abort.signal) };
    this.#stopConsuming = await this.#options.bus.consume(
      (delivery) => this.#dispatcher.handle(delivery),
      { inFlightMax: this.#limits.inFlightMessagesMax },
    );
  }

  /**
   * Drains: nothing new is taken, what is in flight settles within limits.drainMs, then everything
   * stops. Resolves with false where something was still in flight; its outcome is then the log's.
   */
  async stop(): Promise<boolean> {
    const { clock } = this.#options;
    const patience = new AbortController();
    const isDrained = await Promise.race([
      Promise.resolve(this.#stopConsuming?.()).then(() => true),
      clock.sleep(this.#limits.drainMs, patience.signal).then(
        () => false,
        () => true,
      ),
    ]);
    patience.abort();
    this.#running?.abort.abort();
    await this.#running?.ended;
    await Promise.all([...this.#projectors.values()].map((projector) => projector.stop()));
    this.#directory.clear();
    return isDrained;
  }

  /** The status of every projection. */
  projections(): Promise<readonly ProjectionStatus[]> {
    return Promise.all([...this.#projectors.values()].map((projector) => projector.status()));
  }

  /** One projection by name. Throws PROJECTION_UNKNOWN. */
  projector(name: string): Projector {
    const projector = this.#projectors.get(name);
    if (projector !== undefined) return projector;
    const known = [...this.#projectors.keys()].join(', ');
    throw new RuntimeError('PROJECTION_UNKNOWN', `no projection '${name}'; there are: ${known}`);
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    try {
      await this.#directory.sweep(signal);
    } catch (thrown) {
      if (signal.aborted) return;
      const error = toRuntimeError(thrown);
      this.#options.telemetry.record({ name: 'background-failed', task: 'sweep', error });
    }
  }
}
