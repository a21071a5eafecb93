/**
 * The dead letters, one stream a tenant (promise 9), and one for those whose tenant can't be read.
 *
 *     id        the first half of the entry's id: a number that no other letter of any tenant has
 *     fields    code, detail, at (ms, by Redis' clock), shard, id (the producer's), body (the exact bytes)
 *
 * Redrive is one step for each page: a letter is in its shard again or still here, never both or
 * neither. It is not bounded by limits.shardBacklogMessagesMax: a page is small beside it. Nothing is
 * trimmed: a letter stays until somebody redrives or purges it.
 */
import type { DeadLetter, DeadLetters, Limits } from '#runtime';
import { busFailure } from './bus-failure.ts';
import { messageOf } from './bus-message.ts';
import { BusScript, type Caller } from './bus-script.ts';

const redriving = new BusScript(
  'redriving dead letters',
  `
  local shelf, bellMs = dead(ARGV[1]), ARGV[2]
  local moved, touched = 0, {}
  for at = 3, #ARGV do
    local letter = redis.call('XRANGE', shelf, ARGV[at], ARGV[at])[1]
    if letter then
      local shard = field(letter[2], 'shard')
      redis.call('XADD', stream(shard), '*', 'id', field(letter[2], 'id'), 'body', field(letter[2], 'body'))
      moved = moved + redis.call('XDEL', shelf, ARGV[at])
      touched[shard] = true
    end
  end
  ring(touched, bellMs)
  return moved
  `,
  'refuse',
);

/** The ids of the oldest letters, without their bodies. */
const listing = new BusScript(
  'listing dead letters',
  `
  local found = redis.call('XRANGE', dead(ARGV[1]), '-', '+', 'COUNT', ARGV[2])
  local ids = {}
  for at, letter in ipairs(found) do ids[at] = letter[1] end
  return ids
  `,
);

/** A name a stream, which stays as the emptied stream itself does. */
const counting = new BusScript(
  'counting dead letters',
  `
  local sum = 0
  for _, tenant in ipairs(redis.call('SMEMBERS', shelves)) do
    sum = sum + redis.call('XLEN', dead(tenant))
  end
  return sum
  `,
);

interface Chosen {
  readonly tenantId: string | null;
  readonly ids?: readonly string[];
}

interface StreamDeadLettersOptions {
  readonly caller: Caller;
  readonly base: string;
  readonly limits: Limits;
}

/** Letters that one step moves. */
const pageLetters = 100;

export class StreamDeadLetters implements DeadLetters {
  readonly #options: StreamDeadLettersOptions;

  constructor(options: StreamDeadLettersOptions) {
    this.#options = options;
  }

  async peek(options: {
    tenantId: string | null;
    after?: string;
    limit: number;
  }): Promise<readonly DeadLetter[]> {
    const { tenantId, after, limit } = options;
    if (limit <= 0) return [];
    const first = after !== undefined && isLetterId(after) ? `(${after}-0` : '-';
    return this.#read(tenantId, first, '+', limit);
  }

  async get({ tenantId, id }: { tenantId: string | null; id: string }): Promise<DeadLetter | null> {
    if (!isLetterId(id)) return null;
    const [letter] = await this.#read(tenantId, `${id}-0`, `${id}-0`, 1);
    return letter ?? null;
  }

  redrive(options: Chosen): Promise<number> {
    const { base, caller, limits } = this.#options;
    return this.#page(options, async (ids) => {
      const tenant = options.tenantId ?? '';
      return (await redriving.run(caller, base, tenant, limits.busLeaseMs, ...ids)) as number;
    });
  }

  purge(options: Chosen): Promise<number> {
    return this.#page(options, (ids) => this.#ask('XDEL', this.#keyOf(options.tenantId), ...ids));
  }

  async count(): Promise<number> {
    const { base, caller } = this.#options;
    return (await counting.run(caller, base)) as number;
  }

  /** Does something with those chosen, limits.deadLettersPageMax at most; answers how many there were. */
  async #page(
    { tenantId, ids }: Chosen,
    act: (ids: readonly string[]) => Promise<number>,
  ): Promise<number> {
    const most = this.#options.limits.deadLettersPageMax;
    const all = ids?.filter(isLetterId) ?? (await this.#list(tenantId, most));
    const chosen = [...new Set(all)].slice(0, most).map((id) => `${id}-0`);
    let moved = 0;
    for (let at = 0; at < chosen.length; at += pageLetters) {
      moved += await act(chosen.slice(at, at + pageLetters));
    }
    return moved;
  }

  async #list(tenantId: string | null, most: number): Promise<readonly string[]> {
    const { base, caller } = this.#options;
    const ids = (await listing.run(caller, base, tenantId ?? '', most)) as readonly Buffer[];
    return ids.map((id) => numberOf(id));
  }

  async #read(
    tenantId: string | null,
    first: string,
    last: string,
    limit: number,
  ): Promise<readonly DeadLetter[]> {
    const key = this.#keyOf(tenantId);
    const found = await this.#ask<[Buffer, Buffer[]][]>('XRANGE', key, first, last, 'COUNT', limit);
    return found.map(([id, fields]) => letterOf(tenantId, numberOf(id), fields));
  }

  async #ask<T>(command: string, ...args: (string | number)[]): Promise<T> {
    try {
      return (await this.#options.caller.callBuffer(command, ...args)) as T;
    } catch (thrown) {
      throw busFailure(thrown, 'looking at dead letters');
    }
  }

  #keyOf(tenantId: string | null): string {
    return `${this.#options.base}:dead:${tenantId ?? ''}`;
  }
}

/** Digits that Redis can count. */
function isLetterId(text: string): boolean {
  return /^[1-9]\d{0,14}$/.test(text);
}

function numberOf(id: Buffer): string {
  return String(Number.parseInt(id.toString(), 10));
}

function letterOf(tenantId: string | null, id: string, fields: readonly Buffer[]): DeadLetter {
  const field = (name: string): Buffer | null => {
    const at = fields.findIndex((one, n) => n % 2 === 0 && one.toString() === name);
    return at < 0 ? null : (fields[at + 1] ?? null);
  };
  const { messageId, body } = messageOf(id, field('id'), field('body'));
  const isText = typeof body === 'string';
  return {
    id,
    tenantId,
    messageId,
    reason: {
      code: field('code')?.toString() ?? 'INTERNAL',
      detail: field('detail')?.toString() ?? '',
    },
    body: isText ? body : Buffer.from(body).toString('base64'),
    encoding: isText ? 'utf8' : 'base64',
    deadLetteredAt: new Date(Number(field('at') ?? 0)).toISOString(),
  };
}
