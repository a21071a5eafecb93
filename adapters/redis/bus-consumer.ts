/**
 * The shards that this node holds, and what goes on with them.
 *
 *     tend ─▶ shards taken, given back        each limits.busTickMs
 *     bell ─▶ take ─▶ shards ─▶ places ─▶ handler
 *
 * While the lease is good the node starts deliveries, at most inFlightMax at a time, from one shard after
 * the other, so that a busy one does not starve the rest. When the lease could not be kept for its whole
 * time all shards are lost: others may have them. They are taken anew, by whomever, when Redis is back.
 */
import { backoffMs, type DeliveryHandler, toRuntimeError } from '#runtime';
import type { Holding, Leases } from './bus-leases.ts';
import { intake, summons } from './bus-script.ts';
import { Shard, type ShardHolder, type ShardOptions } from './bus-shard.ts';
import type { Taking } from './bus-taking.ts';

export interface ConsumerOptions extends ShardOptions {
  readonly handler: DeliveryHandler;
  /** Handles what is in the intake. */
  readonly passOn: DeliveryHandler;
  readonly inFlightMax: number;
  readonly leases: Leases;
  readonly taking: Taking;
  /** Waits a while for what is rung at this node's bell: shards, or a summons. */
  readonly listen: () => Promise<readonly string[]>;
}

export class Consumer implements ShardHolder {
  readonly #options: ConsumerOptions;
  readonly #shards = new Map<string, Shard>();
  /** Those with something to start, in turn. */
  readonly #startable = new Set<Shard>();
  /** Those to be read. */
  readonly #wanted = new Set<Shard>();
  readonly #over = new AbortController();
  readonly #drained = Promise.withResolvers<void>();
  #inFlight = 0;
  /** By our own clock. */
  #leasedUntilMs = 0;
  #isTending = false;
  #isTendingDue = false;
  #isTaking = false;
  #isStopping = false;
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  /** Resolves when it has its place among the nodes. */
  async start(): Promise<void> {
    await this.#tend();
    this.#work = Promise.all([this.#watch(), this.#hear()]);
  }

  /**
   * Takes nothing more, and resolves when all that was delivered is settled and all shards given back;
   * of a shard that is lost meanwhile nothing can be settled, and nothing is waited for.
   */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const shard of this.#shards.values()) shard.leave();
    this.#noteDrained();
    await this.#drained.promise;
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    await this.#try('leaving the bus', () => this.#options.leases.leave());
  }

  /** Call after `stop`; waits for what is still being asked. */
  async close(): Promise<void> {
    await this.#work;
  }

  /** Messages that this node has and nobody has settled. */
  get heldMessages(): number {
    let held = 0;
    for (const shard of this.#shards.values()) held += shard.heldMessages;
    return held;
  }

  startable(shard: Shard): void {
    this.#startable.add(shard);
    this.#pump();
  }

  handled(shard: Shard): void {
    this.#inFlight -= 1;
    this.#look(shard);
    this.#pump();
  }

  left(shard: Shard): void {
    void this.#giveBack(shard, true);
  }

  lost(shard: Shard): void {
    this.#forget(shard, 'lost');
  }

  #pump(): void {
    while (this.#inFlight < this.#options.inFlightMax && !this.#isLapsed) {
      const [shard] = this.#startable;
      if (shard === undefined) return;
      this.#startable.delete(shard);
      if (!shard.canStart) continue;
      this.#inFlight += 1;
      shard.start();
      if (shard.canStart) this.#startable.add(shard);
    }
  }

  get #isLapsed(): boolean {
    return this.#options.clock.now() >= this.#leasedUntilMs;
  }

  /** Keeps the lease, looks for what can't be kept, and for what came without a sound. */
  async #watch(): Promise<void> {
    const { clock, limits } = this.#options;
    while (!this.#over.signal.aborted) {
      void this.#tend();
      const nowMs = clock.now();
      for (const shard of this.#shards.values()) {
        if (this.#isLapsed) this.#lose(shard);
        else if (shard.isStuck(nowMs)) {
          shard.lose();
          void this.#giveBack(shard, false);
        }
      }
      // What others wrote into a stream rang no bell, and one that broke may have rung for any.
      for (const shard of this.#shards.values()) this.#ring(shard);
      await this.#rest(limits.busTickMs);
    }
  }

  /** One at a time; asked for meanwhile, once more. */
  async #tend(): Promise<void> {
    this.#isTendingDue = true;
    if (this.#isTending) return;
    this.#isTending = true;
    while (this.#isTendingDue && !this.#over.signal.aborted) {
      this.#isTendingDue = false;
      await this.#try('keeping the lease', () => this.#tendOnce());
    }
    this.#isTending = false;
  }

  async #tendOnce(): Promise<void> {
    const { clock, leases, limits } = this.#options;
    const askedMs = clock.now();
    const holding = await leases.tend(this.#isStopping ? 0 : limits.shardsHeldMax + 1);
    this.#leasedUntilMs = askedMs + limits.busLeaseMs;
    this.#reconcile(holding);
  }

  /** What Redis says is ours is ours, and nothing else. */
  #reconcile({ leases, excess }: Holding): void {
    for (const shard of this.#shards.values()) {
      if (leases.get(shard.id) !== shard.lease) this.#lose(shard);
    }
    if (this.#isStopping) return;
    for (const [id, lease] of leases) {
      if (this.#shards.has(id)) continue;
      const shard = new Shard(id, lease, this, {
        ...this.#options,
        ...(id === intake && { handler: this.#options.passOn }),
      });
      this.#shards.set(id, shard);
      this.#look(shard);
    }
    const staying = [...this.#shards.values()].filter((shard) => !shard.isLeaving);
    const surplus = excess - (this.#shards.size - staying.length);
    for (const shard of staying.slice(0, Math.max(0, surplus))) shard.leave();
    // A lease that had lapsed is good again.
    this.#pump();
  }

  #lose(shard: Shard): void {
    shard.lose();
    this.#forget(shard, 'lost');
  }

  /** Kept in mind until Redis has it back, so that it is not taken for one that was just given. */
  async #giveBack(shard: Shard, isInOrder: boolean): Promise<void> {
    const { leases } = this.#options;
    await this.#try(`giving shard ${shard.id} back`, () =>
      leases.giveBack(shard.id, shard.lease, isInOrder),
    );
    const why = this.#isStopping ? 'drain' : 'turn';
    this.#forget(shard, isInOrder ? why : 'lost');
  }

  #forget(shard: Shard, reason: 'turn' | 'drain' | 'lost'): void {
    if (this.#shards.get(shard.id) !== shard) return;
    this.#shards.delete(shard.id);
    this.#wanted.delete(shard);
    this.#startable.delete(shard);
    const { telemetry } = this.#options;
    telemetry.record({ name: 'shard-released', shard: shard.id, reason });
    this.#noteDrained();
  }

  #noteDrained(): void {
    if (this.#isStopping && this.#shards.size === 0) this.#drained.resolve();
  }

  async #hear(): Promise<void> {
    const { listen } = this.#options;
    for (let failures = 0; !this.#over.signal.aborted; ) {
      const rung = await this.#try('listening', listen, failures + 1);
      failures = rung === null ? failures + 1 : 0;
      if (rung?.includes(summons)) void this.#tend();
      for (const id of rung ?? []) {
        const shard = this.#shards.get(id);
        if (shard !== undefined) this.#ring(shard);
      }
      if (failures > 0) await this.#backOff(failures);
    }
  }

  #ring(shard: Shard): void {
    shard.hasMore = true;
    this.#look(shard);
  }

  /** Has a shard read when it may have more and there is room for a good part of it. */
  #look(shard: Shard): void {
    const { shardMessagesMax } = this.#options.limits;
    if (shard.hasMore && shard.room * 2 >= shardMessagesMax) this.#wanted.add(shard);
    if (this.#wanted.size > 0 && !this.#isTaking) void this.#take();
  }

  async #take(): Promise<void> {
    const { limits, taking } = this.#options;
    this.#isTaking = true;
    // After all that rings at this moment.
    await Promise.resolve();
    for (let failures = 0; this.#wanted.size > 0; ) {
      const bytesMax = limits.busHeldBytesMax - this.#heldBytes;
      // Looked at again with the next that is handled.
      if (bytesMax <= 0) break;
      const wanted = [...this.#wanted].filter(({ room }) => room > 0);
      this.#wanted.clear();
      if (wanted.length === 0) break;
      for (const shard of wanted) shard.hasMore = false;
      const taken = await this.#try('taking', () => taking.take(wanted, bytesMax), failures + 1);
      for (const [at, shard] of wanted.entries()) {
        if (taken === null) shard.claim();
        else shard.arrive(taken[at]!);
        if (shard.hasMore && shard.room > 0) this.#wanted.add(shard);
      }
      failures = taken === null ? failures + 1 : 0;
      if (failures > 0) await this.#backOff(failures);
    }
    this.#isTaking = false;
  }

  get #heldBytes(): number {
    let bytes = 0;
    for (const shard of this.#shards.values()) bytes += shard.bytes;
    return bytes;
  }

  /** The result, or null and a word about it where it failed. */
  async #try<T>(task: string, work: () => Promise<T>, attempt = 1): Promise<T | null> {
    try {
      return await work();
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      this.#options.telemetry.record({ name: 'bus-retried', task, error, attempt });
      return null;
    }
  }

  async #backOff(failures: number): Promise<void> {
    const { ids, limits } = this.#options;
    const backoff = { baseMs: limits.retryBaseMs, capMs: limits.retryCapMs };
    await this.#rest(backoffMs(failures, backoff, ids.chance()));
  }

  /** Waits; less where it is over meanwhile. */
  async #rest(ms: number): Promise<void> {
    await Promise.allSettled([this.#options.clock.sleep(ms, this.#over.signal)]);
  }
}
