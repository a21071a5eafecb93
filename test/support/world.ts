/**
 * The simulated world: the true runtime on the reference adapters, several nodes that own the same
 * actors at once, a clock driven by hand, and faults drawn from a seed.
 *
 * Nothing here runs on real time or real chance, so a seed replays exactly; the trace of a run is
 * hashed to prove it. Commands are sent by publishers who repeat until they are told that it is done,
 * as webhook senders do; nodes crash and come back; then the faults stop and everything comes to rest.
 * `inspection.ts` checks the promises on what is left.
 */
import { createHash } from 'node:crypto';
import { contracts, entity, relationship } from '#actors';
import {
  InProcessBus,
  MemoryGraph,
  MemoryLinks,
  MemoryLog,
  MemorySnapshots,
} from '#adapters/memory';
import { graphProjection, linksProjection } from '#projections';
import {
  type ActorDefinition,
  type Bus,
  type BusMessage,
  type Contracts,
  type Generations,
  type Happening,
  type HostedProjection,
  host,
  type Ids,
  type Log,
  Runtime,
  RuntimeError,
  type Snapshots,
} from '#runtime';
import { Chance } from './chance.ts';
import { ManualClock, quiet } from './clock.ts';
import { exposedGenerations, exposedLog, FaultPlan, Life, type Weather } from './faults.ts';
import { isSettledInLog } from './inspection.ts';
import { TallyGenerations, tally } from './tally.ts';
import { drawTraffic, type Traffic } from './traffic.ts';

/** A bug, planted between the runtime and one of its ports. */
export interface Bug {
  readonly name: string;
  readonly log?: (log: Log) => Log;
  readonly snapshots?: (snapshots: Snapshots) => Snapshots;
  readonly bus?: (bus: Bus) => Bus;
  readonly contracts?: (contracts: Contracts) => Contracts;
  /** The sink of the tally applies whatever comes. */
  readonly isUnguarded?: true;
  readonly generations?: <Change>(generations: Generations<Change>) => Generations<Change>;
}

export interface World {
  readonly seed: number;
  readonly traffic: Traffic;
  readonly log: MemoryLog;
  readonly tally: TallyGenerations;
  readonly graph: MemoryGraph;
  readonly deadLetters: Bus['deadLetters'];
  /** Every message that a bus took, by id: the traffic and what process managers sent. */
  readonly published: ReadonlyMap<string, string>;
  /** What was wrong already while it ran. */
  readonly violations: string[];
  /** Names of happenings and faults that occurred. */
  readonly seen: ReadonlySet<string>;
  /** Of everything that happened, in order. */
  readonly hash: string;
}

/** Small bounds, so that a short run reaches them. */
const smallLimits = {
  turnMessagesMax: 3,
  mailboxMessagesMax: 6,
  inFlightMessagesMax: 8,
  activeActorsMax: 3,
  actorIdleMs: 2_000,
  actorSweepMs: 500,
  snapshotEveryEvents: 3,
  conflictRetriesMax: 3,
  transientRetriesMax: 2,
  subscriptionBatchMax: 4,
};

interface Node {
  readonly life: Life;
  readonly bus: Bus;
  readonly runtime: Runtime;
}

/** Rounds of the clock after which a world that is not at rest never will be. */
const patienceRounds = 50_000;

export async function runWorld(seed: number, bug?: Bug): Promise<World> {
  const world = new WorldRun(seed, bug);
  return world.run();
}

class WorldRun {
  readonly #seed: number;
  readonly #bug: Bug | undefined;
  readonly #chance: Chance;
  readonly #plan: FaultPlan;
  readonly #clock = new ManualClock();
  readonly #log = new MemoryLog();
  readonly #snapshots = new MemorySnapshots();
  readonly #tally: TallyGenerations;
  readonly #graph = new MemoryGraph();
  readonly #links = new MemoryLinks(
    (messages) => this.#tell(messages),
    (name) => name,
  );
  readonly #published = new Map<string, string>();
  readonly #violations: string[] = [];
  readonly #seen = new Set<string>();
  readonly #trace = createHash('sha256');
  readonly #nodes: Node[] = [];
  #booted = 0;
  #named = 0;

  constructor(seed: number, bug: Bug | undefined) {
    this.#seed = seed;
    this.#bug = bug;
    this.#tally = new TallyGenerations({ isGuarded: bug?.isUnguarded !== true });
    this.#chance = new Chance(seed);
    this.#plan = new FaultPlan(this.#chance);
  }

  async run(): Promise<World> {
    const traffic = drawTraffic(this.#chance);
    const homes = 1 + this.#chance.int(2);
    for (let home = 0; home < homes; home++) await this.#boot(home);

    let waiting = traffic.parcels.length;
    for (const parcel of traffic.parcels) {
      void this.#send(parcel).then(() => {
        waiting -= 1;
      });
    }
    for (let rebuilds = this.#chance.int(3); rebuilds > 0; rebuilds--) void this.#rebuild();
    await this.#elapse('every command is acknowledged', async () => waiting === 0);
    this.#plan.calm();
    await this.#elapse('everything comes to rest', () => this.#isAtRest());

    for (const fault of this.#plan.struck) this.#seen.add(fault);
    return {
      seed: this.#seed,
      traffic,
      log: this.#log,
      tally: this.#tally,
      graph: this.#graph,
      deadLetters: new InProcessBus({ log: this.#log, clock: this.#clock, ids: this.#ids() })
        .deadLetters,
      published: this.#published,
      violations: this.#violations,
      seen: this.#seen,
      hash: this.#trace.digest('hex'),
    };
  }

  /** Lets time pass until `holds`. */
  async #elapse(claim: string, holds: () => Promise<boolean>): Promise<void> {
    for (let round = 0; round < patienceRounds; round++) {
      await quiet();
      if (await holds()) return;
      if (!this.#clock.ringNext()) break;
    }
    this.#violations.push(`never: ${claim}`);
  }

  async #isAtRest(): Promise<boolean> {
    if (this.#nodes.some(({ life }) => life.isOver) || this.#links.untold > 0) return false;
    const statuses = await Promise.all(this.#nodes.map(({ runtime }) => runtime.projections()));
    return statuses.flat().every(({ status, lag }) => status === 'live' && lag === 0);
  }

  /** A publisher: repeats until it is told that its messages are safe. */
  async #send(messages: readonly BusMessage[]): Promise<void> {
    await this.#clock.sleep(this.#chance.int(4_000));
    for (;;) {
      const node = this.#chance.pick(this.#nodes);
      const outcome = await Promise.race([
        node.bus.publish(messages).then(
          () => 'acknowledged',
          () => 'refused',
        ),
        node.life.ended.then(() => 'cut off'),
      ]);
      this.#note(`publisher: ${outcome} ${messages.map(({ messageId }) => messageId)}`);
      if (outcome === 'acknowledged') {
        for (const message of messages) {
          if (!(await isSettledInLog(this.#log, message))) {
            this.#violations.push(`${message.messageId} was acknowledged and is not in the log`);
          }
        }
        return;
      }
      await this.#clock.sleep(100 + this.#chance.int(1_000));
    }
  }

  /** Somebody rebuilds one or two projections at some moment; it may fail, and the live ones must not suffer. */
  async #rebuild(): Promise<void> {
    await this.#clock.sleep(this.#chance.int(6_000));
    const { runtime } = this.#chance.pick(this.#nodes);
    const names = this.#chance.pick([['tally'], ['graph'], ['links', 'graph']]);
    const [projector, ...beside] = names.map((name) => runtime.projector(name));
    await projector!
      .rebuild({ beside })
      .catch(() => this.#note(`rebuild of ${names.join(' and ')} failed`));
  }

  /** The process manager's way to a bus. A node that crashes meanwhile has taken nothing for sure. */
  async #tell(messages: readonly BusMessage[]): Promise<void> {
    const { bus, life } = this.#chance.pick(this.#nodes);
    await Promise.race([
      bus.publish(messages),
      life.ended.then(() => {
        throw new RuntimeError('SHUTTING_DOWN', 'the node crashed');
      }),
    ]);
  }

  async #boot(home: number): Promise<void> {
    const life = new Life();
    const name = `node-${home}.${this.#booted++}`;
    const weather: Weather = { plan: this.#plan, chance: this.#chance, clock: this.#clock, life };
    const bug = this.#bug;
    const exposed = exposedLog(this.#log, weather);
    const log = bug?.log?.(exposed) ?? exposed;
    const ids = this.#ids();
    const inner = new InProcessBus({ log, clock: this.#clock, ids });
    const noted = this.#noting(inner);
    const bus = bug?.bus?.(noted) ?? noted;
    const runtime = new Runtime({
      log,
      snapshots: bug?.snapshots?.(this.#snapshots) ?? this.#snapshots,
      bus,
      clock: this.#clock,
      ids,
      telemetry: { record: (happening) => this.#hear(name, life, happening) },
      contracts: bug?.contracts?.(contracts) ?? contracts,
      actors: [entity as ActorDefinition, relationship as ActorDefinition],
      projections: this.#projections(weather),
      limits: smallLimits,
    });
    const node: Node = { life, bus, runtime };
    this.#nodes[home] = node;
    await runtime.start();
    void life.ended.then(async () => {
      this.#note(`${name} crashed`);
      await this.#clock.sleep(200 + this.#chance.int(2_000));
      await this.#boot(home);
    });
  }

  #projections(weather: Weather): readonly HostedProjection[] {
    const wrap = <Change>(inner: Generations<Change>): Generations<Change> => {
      const exposed = exposedGenerations(inner, weather);
      return this.#bug?.generations?.(exposed) ?? exposed;
    };
    return [
      host(tally, wrap(this.#tally)),
      host(graphProjection, wrap(this.#graph)),
      host(linksProjection, wrap(this.#links.generations)),
    ];
  }

  #noting(bus: Bus): Bus {
    return {
      deadLetters: bus.deadLetters,
      check: () => bus.check(),
      backlog: () => bus.backlog(),
      consume: (...args) => bus.consume(...args),
      publish: (messages) => {
        for (const { messageId, body } of messages) {
          this.#published.set(messageId, body as string);
        }
        return bus.publish(messages);
      },
    };
  }

  #hear(node: string, life: Life, happening: Happening): void {
    if (life.isOver) return;
    this.#seen.add(happening.name);
    this.#note(`${node}: ${JSON.stringify(happening)}`);
  }

  #note(line: string): void {
    this.#trace.update(`${this.#clock.now()} ${line}\n`);
  }

  #ids(): Ids {
    return {
      named: (name) => name,
      random: () => `random-${this.#named++}`,
      chance: () => this.#chance.next(),
    };
  }
}
