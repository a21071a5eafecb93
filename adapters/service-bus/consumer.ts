/**
 * What one node takes from the topic's session subscription: shards, and how many.
 *
 * Nodes do not know of each other; the broker gives a session to one of those who ask for the next one
 * that has messages and is free. So a node asks with a few requests at a time for as long as it has room
 * (all shards, by default), and gives a shard back when it is quiet or its turn is over. Whoever has fewer
 * is as quick to ask as whoever has more, so shares even out within a turn or two after a node joins,
 * and a shard that has messages is free only for as long as nobody asks. A dead node's shards are free
 * when their locks run out.
 */
import type { ServiceBusSessionReceiver } from '@azure/service-bus';
import { backoffMs } from '#runtime';
import type { Entities } from './entities.ts';
import { isNoSession, unavailable } from './failure.ts';
import { Shard, type ShardOptions } from './shard.ts';

export interface ConsumerOptions extends ShardOptions {
  readonly entities: Entities;
}

/** Between two looks at all shards: a quarter of the shortest time that is looked for. */
const tendMs = 250;

export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #shards = new Set<Shard>();
  readonly #stopping = new AbortController();
  /** Requests for a shard that are open. */
  #requests = 0;
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  /** Messages that this node has and nobody has settled. */
  get heldMessages(): number {
    let held = 0;
    for (const shard of this.#shards) held += shard.heldMessages;
    return held;
  }

  start(): void {
    const requesting = Array.from({ length: this.#options.limits.shardRequestsMax }, () =>
      this.#request(),
    );
    this.#work = Promise.all([...requesting, this.#tend()]);
  }

  /** Takes no further shard, and resolves when all are given back, with nothing left in hand. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const shards = [...this.#shards];
    for (const shard of shards) shard.leave('drain');
    await Promise.all(shards.map(({ ended }) => ended));
  }

  /** Waits for open requests to be answered: limits.shardRequestMs at most, as a rule. */
  async close(): Promise<void> {
    await this.#options.line.farewell(() => this.#work);
  }

  /** Asks for one shard after the other. */
  async #request(): Promise<void> {
    const { clock, ids, limits, telemetry } = this.#options;
    const backoff = { baseMs: limits.retryBaseMs, capMs: limits.retryCapMs };
    for (let failures = 0; !this.#isStopping; ) {
      if (this.#shards.size + this.#requests >= limits.shardsHeldMax) {
        await this.#rest(tendMs);
        continue;
      }
      const askedMs = clock.now();
      this.#requests += 1;
      try {
        await this.#take(await this.#next());
        failures = 0;
      } catch (thrown) {
        // One that comes back at once, empty or not, must not be repeated at once.
        const isLate = clock.now() - askedMs >= limits.shardRequestMs / 2;
        if (isNoSession(thrown) && isLate) continue;
        failures += 1;
        if (!isNoSession(thrown)) {
          const error = unavailable(thrown, 'asking for a shard');
          telemetry.record({ name: 'bus-retried', task: 'ask', error, attempt: failures });
        }
        await this.#rest(backoffMs(failures, backoff, ids.chance()));
      } finally {
        this.#requests -= 1;
      }
    }
  }

  #next(): Promise<ServiceBusSessionReceiver> {
    const { entities, limits, line } = this.#options;
    return line.ask(
      () =>
        line.client.acceptNextSession(entities.topic, entities.subscription, {
          maxAutoLockRenewalDurationInMs: 0,
          skipParsingBodyAsJson: true,
          skipConvertingDate: true,
        }),
      limits.shardRequestMs + limits.busAnswerMs,
    );
  }

  async #take(receiver: ServiceBusSessionReceiver): Promise<void> {
    if (this.#isStopping) return this.#options.line.farewell(() => receiver.close());
    const shard = new Shard(receiver, this.#options);
    this.#shards.add(shard);
    void shard.ended.then(() => this.#shards.delete(shard));
    shard.begin();
  }

  async #tend(): Promise<void> {
    while (!this.#isStopping || this.#shards.size > 0) {
      for (const shard of this.#shards) shard.tend();
      await this.#options.clock.sleep(Math.min(tendMs, this.#options.limits.shardQuietMs));
    }
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Waits; less where it stops meanwhile. */
  async #rest(ms: number): Promise<void> {
    await Promise.allSettled([this.#options.clock.sleep(ms, this.#stopping.signal)]);
  }
}
