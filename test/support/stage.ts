/** The true runtime on the reference adapters, with time in the test's hand and a log that can fail. */
import { contracts, entity, relationship } from '#actors';
import { InProcessBus, MemoryLog, MemorySnapshots } from '#adapters/memory';
import {
  type ActorDefinition,
  type AppendResult,
  type ExpectedRevision,
  type HostedProjection,
  type Ids,
  type Limits,
  type Log,
  type NewEvent,
  Runtime,
  type Snapshots,
  type StreamName,
} from '#runtime';
import { ManualClock, quiet } from './clock.ts';
import { Recorder } from './telemetry.ts';

/** Names are their own ids, and chance is always the same. */
export const plainIds: Ids = {
  random: () => 'random',
  named: (name) => name,
  chance: () => 0.5,
};

type Append = (
  stream: StreamName,
  events: readonly NewEvent[],
  expected: ExpectedRevision,
) => Promise<AppendResult>;

/** A log whose appends and reads pass through the test's hands. */
export class InterceptedLog implements Log {
  readonly inner: Log;
  onAppend: (append: Append, ...args: Parameters<Append>) => Promise<AppendResult> = (
    append,
    ...args
  ) => append(...args);
  onRead: () => Promise<void> = () => Promise.resolve();

  constructor(inner: Log) {
    this.inner = inner;
  }

  append(...args: Parameters<Append>): Promise<AppendResult> {
    return this.onAppend((...passed) => this.inner.append(...passed), ...args);
  }

  async readStream(...args: Parameters<Log['readStream']>) {
    await this.onRead();
    return this.inner.readStream(...args);
  }

  async readAll(...args: Parameters<Log['readAll']>) {
    await this.onRead();
    return this.inner.readAll(...args);
  }

  head() {
    return this.inner.head();
  }

  async last() {
    await this.onRead();
    return this.inner.last();
  }

  subscribe(...args: Parameters<Log['subscribe']>) {
    return this.inner.subscribe(...args);
  }

  close() {
    return this.inner.close();
  }
}

export interface Stage {
  readonly runtime: Runtime;
  readonly bus: InProcessBus;
  readonly log: InterceptedLog;
  readonly snapshots: Snapshots;
  readonly clock: ManualClock;
  readonly telemetry: Recorder;
}

export interface StageOptions {
  readonly log?: Log;
  readonly snapshots?: Snapshots;
  readonly actors?: readonly ActorDefinition[];
  readonly projections?: readonly HostedProjection[];
  readonly limits?: Partial<Limits>;
  readonly rebuildOnStart?: 'auto' | 'never';
}

/** A started runtime. Two stages on one log are two owners of every actor. */
export async function stage(options: StageOptions = {}): Promise<Stage> {
  const clock = new ManualClock();
  const log = new InterceptedLog(options.log ?? new MemoryLog());
  const snapshots = options.snapshots ?? new MemorySnapshots();
  const telemetry = new Recorder();
  const bus = new InProcessBus({ log, clock, ids: plainIds });
  const runtime = new Runtime({
    log,
    snapshots,
    bus,
    clock,
    ids: plainIds,
    telemetry,
    contracts,
    actors: options.actors ?? [entity as ActorDefinition, relationship as ActorDefinition],
    projections: options.projections ?? [],
    limits: options.limits ?? {},
    rebuildOnStart: options.rebuildOnStart ?? 'auto',
  });
  await runtime.start();
  return { runtime, bus, log, snapshots, clock, telemetry };
}

/** The result of `work` while time passes as fast as it can. */
export async function inTime<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  done.catch(() => {
    // The caller gets the rejection from `done`.
  });
  for (let turns = 0; !isDone; turns++) {
    await quiet();
    if (!isDone && !clock.ringNext() && turns > 10_000) throw new Error('time stands still');
  }
  return done;
}
