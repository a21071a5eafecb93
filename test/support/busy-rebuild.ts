/**
 * A rebuild while commands keep arriving and readers ask: on a log with a long history, with the graph
 * on a read store, all in this process.
 *
 * Readers look for a gap and for a mixture. Every group must show with both its links at any time, in
 * answers of one statement and of several; and of an entity that is updated all the while, no answer may
 * be older than one before it.
 */
import { contracts, entity, relationship } from '#actors';
import { InProcessBus, MemorySnapshots } from '#adapters/memory';
import { systemClock, systemIds } from '#adapters/system';
import { GraphQueries, graphPlan, graphProjection, StoredGenerations } from '#projections';
import {
  type ActorDefinition,
  host,
  type Log,
  limits,
  type ReadStore,
  Runtime,
  type Verification,
} from '#runtime';
import { eventsAGroup, idOf } from './long-history.ts';
import { createEntity, onTheBus, updateEntity } from './messages.ts';
import { until } from './until.ts';

export interface BusyRebuild {
  /** Of history, from the beginning to the change of generations; without and with traffic. */
  readonly quietEventsPerSecond: number;
  readonly busyEventsPerSecond: number;
  readonly commands: number;
  readonly reads: number;
  readonly slowestReadMs: number;
  /** What readers saw that they must not; empty where all is well. */
  readonly faults: readonly string[];
  /** Of the live rows against a replay of the whole log afterwards. */
  readonly verification: Verification;
}

const tenantId = 'acme';
const ticker = 'ticker';
const readers = 4;

/** The log must hold `events` of `fillLog` and nothing else, the store nothing. */
export async function busyRebuild(
  { log, store }: { readonly log: Log; readonly store: ReadStore },
  events: number,
  { commandsPerSecond = 200 } = {},
): Promise<BusyRebuild> {
  const bus = new InProcessBus({ log, clock: systemClock, ids: systemIds });
  const generations = new StoredGenerations(store, graphPlan, limits.foldedCharsMax);
  const runtime = new Runtime({
    log,
    bus,
    contracts,
    snapshots: new MemorySnapshots(),
    clock: systemClock,
    ids: systemIds,
    telemetry: { record: () => undefined },
    actors: [entity as ActorDefinition, relationship as ActorDefinition],
    projections: [host(graphProjection, generations)],
  });
  const projector = runtime.projector(graphProjection.name);
  const quiet = await secondsOf(() => projector.rebuild());
  await runtime.start();
  await bus.publish([onTheBus(createEntity({ id: ticker, messageId: 'ticker', at: 0 }))]);
  const caughtUp = async () => {
    const { status, lag } = await projector.status();
    return status === 'live' && lag === 0;
  };
  await until('the graph has caught up', caughtUp, 600_000);

  const ended = new AbortController();
  const crowd = new Crowd(new GraphQueries(store), events / eventsAGroup, ended.signal);
  const commands = sendCommands(bus, commandsPerSecond, ended.signal);
  const reading = Array.from({ length: readers }, (_, reader) => crowd.read(reader));
  const busy = await secondsOf(() => projector.rebuild());
  ended.abort();
  const sent = await commands;
  await Promise.all(reading);
  await until('the graph has caught up again', caughtUp, 600_000);
  const verification = await projector.verify();
  await runtime.stop();
  return {
    quietEventsPerSecond: events / quiet,
    busyEventsPerSecond: events / busy,
    commands: sent,
    reads: crowd.reads,
    slowestReadMs: crowd.slowestMs,
    faults: crowd.faults,
    verification,
  };
}

/** Sends each at its time, whatever became of those before; answers how many were acked. */
async function sendCommands(
  bus: InProcessBus,
  perSecond: number,
  signal: AbortSignal,
): Promise<number> {
  const startMs = performance.now();
  const sent: Promise<void>[] = [];
  while (!signal.aborted) {
    // The thread may be busy for longer than the pause between two: all that are due go together.
    const due = ((performance.now() - startMs) * perSecond) / 1_000;
    while (sent.length < due) {
      const tick = sent.length;
      const parts = { messageId: `tick-${tick}`, id: ticker, at: tick + 1 };
      sent.push(bus.publish([onTheBus(updateEntity({ ...parts, properties: { tick } }))]));
    }
    await systemClock.sleep(1_000 / perSecond);
  }
  await Promise.all(sent);
  return sent.length;
}

class Crowd {
  readonly faults: string[] = [];
  reads = 0;
  slowestMs = 0;
  readonly #graph: GraphQueries;
  readonly #groups: number;
  readonly #signal: AbortSignal;

  constructor(graph: GraphQueries, groups: number, signal: AbortSignal) {
    this.#graph = graph;
    this.#groups = groups;
    this.#signal = signal;
  }

  /** Asks one thing after the other until the signal. */
  async read(reader: number): Promise<void> {
    let seen = { position: 0 };
    for (let turn = reader; !this.#signal.aborted; turn++) {
      const group = (turn * 7_919) % this.#groups;
      seen = await this.#timed(() => this.#ticker(seen), seen);
      await this.#timed(() => this.#group(group), undefined);
    }
  }

  async #ticker(seen: { readonly position: number }): Promise<{ readonly position: number }> {
    const now = await this.#graph.entity(tenantId, ticker);
    if (now.position < seen.position) this.#fault(`${now.position} after ${seen.position}`);
    return now;
  }

  async #group(group: number): Promise<void> {
    const [hub, end] = [idOf(group, 0), idOf(group, 1)];
    const { nodes, edges } = await this.#graph.neighbourhood(tenantId, hub, 2);
    if (nodes.length !== 3 || edges.length !== 2) this.#fault(`a part of group ${group}`);
    const path = await this.#graph.path(tenantId, hub, end);
    if (path?.length !== 1) this.#fault(`no path in group ${group}`);
    const { items } = await this.#graph.neighbours(tenantId, hub, { direction: 'out', limit: 10 });
    if (items.length !== 2) this.#fault(`${items.length} neighbours in group ${group}`);
  }

  async #timed<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
    const startMs = performance.now();
    try {
      return await work();
    } catch (thrown) {
      this.#fault(`a read failed: ${thrown}`);
      return otherwise;
    } finally {
      this.reads += 1;
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
    }
  }

  #fault(what: string): void {
    if (this.faults.length < 20) this.faults.push(what);
  }
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1_000;
}
