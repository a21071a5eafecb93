/**
 * Which nodes are alive, in one sorted set of Redis: node → when it was last there, by Redis's clock, so
 * that theirs may differ.
 *
 *     PREFIX:nodes    sorted set    node id, ms of its last beat
 *
 * For people and dashboards. Nothing is decided by it: who owns a shard is the bus's affair.
 */
import type { Clock, Limits } from '#runtime';
import type { RedisConnection } from './connection.ts';
import { unavailable } from './failure.ts';
import { Script } from './script.ts';

export interface PresenceOptions {
  /** For commands; whoever made it closes it, after the presence. */
  readonly connection: RedisConnection;
  readonly prefix: string;
  /** Names this node; another one for each process. */
  readonly node: string;
  readonly clock: Clock;
  readonly limits: Limits;
}

/** Sets `now`, in ms, and forgets who was silent for too long. KEYS nodes. ARGV ms of life, node. */
const now = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. (now - ARGV[1]))
`;
const beatScript = new Script(`${now}
redis.call('ZADD', KEYS[1], now, ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
`);
const aliveScript = new Script(`${now}
return redis.call('ZRANGE', KEYS[1], 0, -1)
`);

export class Presence {
  readonly #options: PresenceOptions;
  readonly #key: string;
  readonly #closing = new AbortController();
  readonly #beating: Promise<void>;

  /** Is there from now on, until it is closed. */
  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#key = `${options.prefix}:nodes`;
    this.#beating = this.#beat();
  }

  /** The nodes that were there within the last limits.presenceMs, in no order. Throws REDIS_UNAVAILABLE. */
  async nodes(): Promise<readonly string[]> {
    const { connection, limits } = this.#options;
    try {
      return (await aliveScript.run(
        connection.client,
        [this.#key],
        [limits.presenceMs],
      )) as string[];
    } catch (thrown) {
      throw unavailable(thrown, 'asking who is alive');
    }
  }

  /** Leaves, so that others need not wait until it is missed. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#beating;
    const { connection, node } = this.#options;
    // Where Redis is away, it is missed in time.
    if (connection.isReady) await Promise.allSettled([connection.client.zrem(this.#key, node)]);
  }

  async #beat(): Promise<void> {
    const { clock, connection, limits } = this.#options;
    const end = connection.whenReady(() => void this.#tell());
    while (!this.#closing.signal.aborted) {
      // Three beats a life: one may be lost.
      const pause = clock.sleep(limits.presenceMs / 3, this.#closing.signal);
      await Promise.allSettled([pause]);
      if (connection.isReady && !this.#closing.signal.aborted) await this.#tell();
    }
    end();
  }

  async #tell(): Promise<void> {
    const { connection, limits, node } = this.#options;
    const beat = beatScript.run(connection.client, [this.#key], [limits.presenceMs, node]);
    // Whether it comes to anything shows in the set; that Redis is away is told by its connection.
    await Promise.allSettled([beat]);
  }
}
