/**
 * One line of messages into the shards: what is published while a batch is under way goes with the next.
 *
 *     send ──▶ ▒▒▒▒▒▒▒▒▒▒ ──▶ batch ──▶ script, repeated while Redis is away ──▶ stored
 *
 * Order: one batch after the other, so that one which is repeated is not overtaken. A batch is one step
 * of Redis: it is stored whole or not at all, and a repeat of one whose answer was lost stores nothing
 * twice, because the ids of messages are remembered for limits.busSeenMs.
 */
import {
  type Clock,
  type Ids,
  type Limits,
  RuntimeError,
  retrying,
  type Telemetry,
} from '#runtime';
import { argumentsOf, type Outgoing } from './bus-message.ts';
import { BusScript, type Caller } from './bus-script.ts';

/** Answers for each part of the batch whether there was room for it; all of it or nothing is stored. */
const publishing = new BusScript(
  'publishing',
  `
  local time = now()
  local seenMs, seenMax, backlogMax, bellMs = unpack(ARGV, 1, 4)
  redis.call('ZREMRANGEBYSCORE', seen, '-inf', time - seenMs)
  local answers, touched, at = {}, {}, 5
  while at <= #ARGV do
    local first, past = at + 1, at + 1 + ARGV[at] * 5
    local adds, fits = {}, 1
    for n = first, past - 1, 5 do adds[ARGV[n]] = (adds[ARGV[n]] or 0) + 1 end
    for shard, count in pairs(adds) do
      if redis.call('XLEN', stream(shard)) + count > tonumber(backlogMax) then fits = 0 end
    end
    if fits == 1 then
      for n = first, past - 1, 5 do
        if redis.call('ZADD', seen, 'NX', time, ARGV[n + 1]) == 1 then
          local fields = { 'id', ARGV[n + 2], 'body', ARGV[n + 3] }
          if ARGV[n + 4] ~= '' then
            fields[5], fields[6] = 'traceparent', ARGV[n + 4]
          end
          redis.call('XADD', stream(ARGV[n]), '*', unpack(fields))
          touched[ARGV[n]] = true
        end
      end
    end
    answers[#answers + 1] = fits
    at = past
  end
  redis.call('ZREMRANGEBYRANK', seen, 0, -1 - seenMax)
  redis.call('PEXPIRE', seen, seenMs)
  ring(touched, bellMs)
  return answers
  `,
  'refuse',
);

/** Messages that were published together, and who waits for them. */
interface Order {
  readonly messages: readonly Outgoing[];
  readonly stored: () => void;
  readonly failed: (error: RuntimeError) => void;
  /** The first that is not stored yet. */
  next: number;
}

/** What goes with one batch of an order. */
interface Part {
  readonly order: Order;
  readonly messages: readonly Outgoing[];
}

export interface BusSendingOptions {
  readonly caller: Caller;
  readonly base: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
  readonly telemetry: Telemetry;
}

export class BusSending {
  readonly #options: BusSendingOptions;
  readonly #orders = new Set<Order>();
  #waiting = 0;
  #work: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: BusSendingOptions) {
    this.#options = options;
  }

  /**
   * Resolves when Redis has all of them. Rejects with BUS_UNAVAILABLE (some may be stored; send all
   * again), BUS_SATURATED or SHUTTING_DOWN.
   */
  async send(messages: readonly Outgoing[]): Promise<void> {
    if (messages.length === 0) return;
    this.assertRoom(messages.length);
    this.#waiting += messages.length;
    const { promise, resolve: stored, reject: failed } = Promise.withResolvers<void>();
    this.#orders.add({ messages, stored, failed, next: 0 });
    this.#work ??= this.#run();
    return promise.finally(() => {
      this.#waiting -= messages.length;
    });
  }

  get waitingMessages(): number {
    return this.#waiting;
  }

  /** Throws what `send` would at once, before anybody takes the pains of writing messages. */
  assertRoom(messages: number): void {
    if (this.#isClosed) throw new RuntimeError('SHUTTING_DOWN', 'the bus takes nothing new');
    if (this.#waiting + messages <= this.#options.limits.busWaitingMessagesMax) return;
    throw new RuntimeError('BUS_SATURATED', `${this.#waiting} messages wait to be published`);
  }

  /** Sends what was asked for, then takes nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#work;
  }

  /** Never rejects: whatever goes wrong reaches those who wait. */
  async #run(): Promise<void> {
    // After the publishes of this moment, so that they share the first batch.
    await Promise.resolve();
    while (this.#orders.size > 0) {
      const parts = this.#batch();
      try {
        const fits = await this.#publish(parts);
        for (const [at, part] of parts.entries()) this.#note(part, fits[at] === 1);
      } catch (thrown) {
        for (const { order } of parts) this.#end(order, thrown as RuntimeError);
      }
    }
    this.#work = null;
  }

  /** What goes next, from the first order on. */
  #batch(): readonly Part[] {
    const { busBatchMessagesMax, busBatchBytesMax } = this.#options.limits;
    const parts: Part[] = [];
    let [messages, bytes] = [0, 0];
    for (const order of this.#orders) {
      let past = order.next;
      while (past < order.messages.length && messages < busBatchMessagesMax) {
        bytes += order.messages[past]!.bytes;
        if (bytes > busBatchBytesMax && messages > 0) break;
        messages += 1;
        past += 1;
      }
      if (past > order.next) {
        parts.push({ order, messages: order.messages.slice(order.next, past) });
      }
      if (past < order.messages.length) break;
    }
    return parts;
  }

  async #publish(parts: readonly Part[]): Promise<readonly number[]> {
    const { base, caller, limits, telemetry } = this.#options;
    const args = parts.flatMap(({ messages }) => [messages.length, ...argumentsOf(messages)]);
    const { busSeenMs, busSeenMessagesMax, shardBacklogMessagesMax, busLeaseMs } = limits;
    const answer = await retrying(
      this.#options,
      () =>
        publishing.run(
          caller,
          base,
          busSeenMs,
          busSeenMessagesMax,
          shardBacklogMessagesMax,
          busLeaseMs,
          ...args,
        ),
      (error, attempt) => telemetry.record({ name: 'bus-retried', task: 'send', error, attempt }),
    );
    return answer as readonly number[];
  }

  #note({ order, messages }: Part, fits: boolean): void {
    order.next += messages.length;
    if (!fits) this.#end(order, new RuntimeError('BUS_SATURATED', 'a shard has its fill'));
    else if (order.next === order.messages.length) this.#end(order, null);
  }

  #end(order: Order, error: RuntimeError | null): void {
    this.#orders.delete(order);
    if (error === null) order.stored();
    else order.failed(error);
  }
}
