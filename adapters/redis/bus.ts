/**
 * The bus on Redis Streams: the local alternative to Service Bus, for one Redis 7 or newer.
 *
 *     publish ─▶ sending ─▶ stream of its shard ─▶ consumer ─▶ shard ─▶ handler
 *                   ▲              ▲                  │ leases: which node holds which shard
 *                 intake        redrive               ▼
 *                                  ╰────────── dead letters
 *
 * A producer in any language needs one command: XADD {cognisync:bus}:intake * body '{"messageType":…}'.
 * Who holds the intake passes on what is in it, within limits.busTickMs, in order.
 *
 * How durable a publish is, is Redis' affair: it resolves when Redis has the message, and Redis keeps
 * what its `appendonly` and `appendfsync` say. With `appendfsync always` what was acknowledged outlives
 * a power cut; with `everysec` a second may be lost, without an append-only file all since the last
 * snapshot. A failover to a replica loses what had not reached it. Opening the bus tells of such settings
 * (`bus-doubted`) and refuses those that throw messages away.
 *
 * Three connections: what is published and asked, what is consumed, and the bell, so that none waits
 * behind another. All come back by themselves after an outage.
 */
import {
  type Backlog,
  type Bus,
  type BusMessage,
  type Clock,
  type DeadLetters,
  type DeliveryHandler,
  type Ids,
  type Limits,
  refuseUnread,
  limits as standardLimits,
  type Telemetry,
  toRuntimeError,
} from '#runtime';
import { Consumer } from './bus-consumer.ts';
import { busFailure } from './bus-failure.ts';
import { Leases } from './bus-leases.ts';
import { outgoing } from './bus-message.ts';
import { BusScript, baseOf, intake } from './bus-script.ts';
import { BusSending } from './bus-sending.ts';
import { checkServer, untilReady } from './bus-server.ts';
import { Settling } from './bus-settling.ts';
import { Taking } from './bus-taking.ts';
import { type RedisAccess, RedisConnection } from './connection.ts';
import { StreamDeadLetters } from './dead-letters.ts';

export interface RedisBusOptions {
  readonly access: RedisAccess;
  /** What the names of all keys begin with; no braces. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly telemetry: Telemetry;
  /** Other bounds than the standard ones, for tests that want to reach them. */
  readonly limits?: Partial<Limits>;
}

/**
 * Opens the bus. Rejects with BUS_REFUSED (a version or setting with which it can't work, or wrong
 * credentials), BUS_UNAVAILABLE or CONFIG_INVALID.
 */
export async function openRedisBus(options: RedisBusOptions): Promise<RedisBus> {
  const limits = { ...standardLimits, ...options.limits };
  const connection = connect(options, limits, 'bus');
  try {
    await checkServer(connection, { ...options, limits });
  } catch (thrown) {
    connection.close();
    throw thrown;
  }
  return new RedisBus(options, limits, connection);
}

/** Entries of all shards and of the intake; each is there until it is settled. */
const counting = new BusScript(
  'counting messages',
  `
  local sum = redis.call('XLEN', stream('${intake}'))
  for shard = 0, ARGV[1] - 1 do sum = sum + redis.call('XLEN', stream(shard)) end
  return sum
  `,
);

interface Consuming {
  readonly consumer: Consumer;
  readonly connections: readonly RedisConnection[];
}

export class RedisBus implements Bus {
  readonly deadLetters: DeadLetters;
  readonly #options: RedisBusOptions;
  readonly #limits: Limits;
  readonly #connection: RedisConnection;
  readonly #sending: BusSending;
  #consuming: Consuming | null = null;

  constructor(options: RedisBusOptions, limits: Limits, connection: RedisConnection) {
    this.#options = options;
    this.#limits = limits;
    this.#connection = connection;
    const around = { base: baseOf(options.prefix), caller: connection.client, limits };
    this.#sending = new BusSending({ ...options, ...around });
    this.deadLetters = new StreamDeadLetters(around);
  }

  /** As the port says; resolves when Redis has each. Throws MESSAGE_TOO_LARGE too. */
  async publish(messages: readonly BusMessage[]): Promise<void> {
    this.#sending.assertRoom(messages.length);
    await this.#sending.send(messages.map((message) => outgoing(message, this.#options.ids)));
  }

  async consume(
    handler: DeliveryHandler,
    { inFlightMax }: { readonly inFlightMax: number },
  ): Promise<() => Promise<void>> {
    if (this.#consuming !== null) throw new Error('this bus has a consumer already');
    const { ids, prefix } = this.#options;
    const limits = this.#limits;
    const node = ids.random();
    const base = baseOf(prefix);
    const work = connect(this.#options, limits, 'bus-consumer');
    const bell = connect(this.#options, limits, 'bus-bell', limits.busListenMs);
    const around = { ...this.#options, limits, base, caller: work.client, node };
    const consumer = new Consumer({
      ...around,
      handler,
      passOn: this.#passOn,
      inFlightMax,
      leases: new Leases({ ...around, leaseMs: limits.busLeaseMs, shards: limits.shards }),
      taking: new Taking({ ...around, suspectAfter: limits.busSuspectAfter }),
      settling: new Settling(around),
      listen: () => listen(bell, `${base}:bell:${node}`, limits),
    });
    this.#consuming = { consumer, connections: [work, bell] };
    for (const one of [work, bell]) await untilReady(one, this.#options.clock, limits.busAnswerMs);
    await consumer.start();
    return () => consumer.stop();
  }

  /** Handles a message of the intake: it is done when its shard has it, which a repeat leaves as it is. */
  readonly #passOn: DeliveryHandler = async (delivery) => {
    const { ids, telemetry } = this.#options;
    const { messageId } = delivery.message;
    try {
      const message = outgoing(delivery.message, ids);
      await this.#sending.send([message]);
      telemetry.record({ name: 'intake-routed', messageId, shard: String(message.args[0]) });
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      const { code, message: detail, retryable } = error;
      return retryable
        ? delivery.abandon({ code, detail })
        : refuseUnread(delivery, error, telemetry);
    }
    await delivery.complete();
  };

  /** Asks Redis whether it is there. Throws BUS_UNAVAILABLE. */
  async check(): Promise<void> {
    try {
      await this.#connection.check();
    } catch (thrown) {
      throw busFailure(thrown, 'asking for the bus');
    }
  }

  async backlog(): Promise<Backlog> {
    const here = this.#sending.waitingMessages + (this.#consuming?.consumer.heldMessages ?? 0);
    const base = baseOf(this.#options.prefix);
    const all = await counting.run(this.#connection.client, base, this.#limits.shards);
    return { here, all: all as number };
  }

  /** Stops consuming where that goes on, sends what was published, and hangs up. */
  async close(): Promise<void> {
    if (this.#consuming !== null) {
      const { connections, consumer } = this.#consuming;
      await consumer.stop();
      for (const connection of connections) connection.close();
      await consumer.close();
    }
    await this.#sending.close();
    this.#connection.close();
  }
}

/** A bus waits longer for an answer than a cache does: there is nothing else to ask. */
function connect(
  options: RedisBusOptions,
  limits: Limits,
  name: string,
  blockMs?: number,
): RedisConnection {
  return new RedisConnection({
    ...options,
    name: `${options.prefix}-${name}`,
    limits: { ...limits, redisAnswerMs: limits.busAnswerMs },
    ...(blockMs !== undefined && { blockMs }),
  });
}

/** What a bell was rung for, which is then quiet again. */
async function listen(
  { client }: RedisConnection,
  bell: string,
  { busListenMs, shards }: Limits,
): Promise<readonly string[]> {
  try {
    const seconds = busListenMs / 1_000;
    const rung = await client.callBuffer('BZMPOP', seconds, 1, bell, 'MIN', 'COUNT', shards);
    if (rung === null) return [];
    const [, members] = rung as [Buffer, [Buffer, unknown][]];
    return members.map(([member]) => member.toString());
  } catch (thrown) {
    throw busFailure(thrown, 'listening');
  }
}
