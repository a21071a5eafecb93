/**
 * Settling what is in hand: only its shard's holder can, and for good.
 *
 * Completions that are asked for while a script is under way go with the next one, so a busy node pays
 * one round trip for hundreds. Both scripts may be repeated: what is settled already stays settled.
 */
import {
  type Clock,
  type DeadLetterReason,
  type Ids,
  type Limits,
  retrying,
  type Telemetry,
} from '#runtime';
import { type Entry, tenantOf } from './bus-message.ts';
import { BusScript, type Caller, group } from './bus-script.ts';

/** For each shard: 1, or 0 where the lease is lost and nothing was done. */
const completing = new BusScript(
  'completing',
  `
  local answers, at = {}, 1
  while at <= #ARGV do
    local shard, lease, last = ARGV[at], ARGV[at + 1], at + 2 + ARGV[at + 2]
    local isHeld = holds(shard, lease)
    if isHeld then
      redis.call('XACK', stream(shard), '${group}', unpack(ARGV, at + 3, last))
      redis.call('XDEL', stream(shard), unpack(ARGV, at + 3, last))
    end
    answers[#answers + 1] = isHeld and 1 or 0
    at = last + 1
  end
  return answers
  `,
);

/** Moves an entry as it is; one without a body with all its fields as a JSON array. */
const burying = new BusScript(
  'moving a message to the dead letters',
  `
  local shard, lease, id, messageId, tenant, code, detail = unpack(ARGV)
  if not holds(shard, lease) then return 0 end
  local entry = redis.call('XRANGE', stream(shard), id, id)[1]
  if entry then
    local body = field(entry[2], 'body') or cjson.encode(entry[2])
    redis.call('XADD', dead(tenant), redis.call('INCR', letters) .. '-0', 'code', code,
      'detail', detail, 'at', now(), 'shard', shard, 'id', messageId, 'body', body)
    redis.call('SADD', shelves, tenant)
  end
  redis.call('XACK', stream(shard), '${group}', id)
  redis.call('XDEL', stream(shard), id)
  return 1
  `,
);

/** What a settlement is done to, and by what right. */
export interface Held {
  readonly id: string;
  readonly lease: string;
}

interface Completion {
  readonly shard: Held;
  readonly id: string;
  readonly done: (isHeld: boolean) => void;
  readonly failed: (error: unknown) => void;
}

export interface SettlingOptions {
  readonly caller: Caller;
  readonly base: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
  readonly telemetry: Telemetry;
}

export class Settling {
  readonly #options: SettlingOptions;
  #waiting: Completion[] = [];
  #isWorking = false;

  constructor(options: SettlingOptions) {
    this.#options = options;
  }

  /** False where the lease of its shard is lost. Throws BUS_UNAVAILABLE: it may be completed or not. */
  complete(shard: Held, { id }: Entry): Promise<boolean> {
    const { promise, resolve: done, reject: failed } = Promise.withResolvers<boolean>();
    this.#waiting.push({ shard, id, done, failed });
    if (!this.#isWorking) void this.#run();
    return promise;
  }

  /** As `complete`; in one step the message is here no more and among its tenant's dead letters. */
  async bury(shard: Held, { id, message }: Entry, reason: DeadLetterReason): Promise<boolean> {
    const { base, caller, limits } = this.#options;
    const detail = reason.detail.slice(0, limits.reasonCharsMax);
    const args = [
      ...[shard.id, shard.lease, id, message.messageId],
      ...[tenantOf(message) ?? '', reason.code, detail],
    ];
    const answer = await this.#insist(() => burying.run(caller, base, ...args));
    return answer === 1;
  }

  /** Never rejects: whatever goes wrong reaches those who wait. */
  async #run(): Promise<void> {
    this.#isWorking = true;
    // After the completions of this moment, so that they go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#complete(Map.groupBy(batch, ({ shard }) => shard));
      } catch (thrown) {
        for (const { failed } of batch) failed(thrown);
      }
    }
    this.#isWorking = false;
  }

  async #complete(shards: ReadonlyMap<Held, readonly Completion[]>): Promise<void> {
    const { base, caller } = this.#options;
    const args = [...shards].flatMap(([shard, completions]) => [
      shard.id,
      shard.lease,
      completions.length,
      ...completions.map(({ id }) => id),
    ]);
    const answer = (await this.#insist(() => completing.run(caller, base, ...args))) as number[];
    for (const [at, completions] of [...shards.values()].entries()) {
      for (const { done } of completions) done(answer[at] === 1);
    }
  }

  #insist<T>(work: () => Promise<T>): Promise<T> {
    const { telemetry } = this.#options;
    return retrying(this.#options, work, (error, attempt) =>
      telemetry.record({ name: 'bus-retried', task: 'settle', error, attempt }),
    );
  }
}
