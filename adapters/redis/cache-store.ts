/**
 * What the cache keeps in Redis, and the four things that are done to it, each in one atomic step.
 *
 *     PREFIX:cache:{TENANT}:clock          hash   generation, at     `at` counts invalidations
 *     PREFIX:cache:{TENANT}:entry:NAME     hash   generation, at, tags, value
 *     PREFIX:cache:{TENANT}:tag:TAG        the `at` of its last invalidation, for as long as an entry
 *                                          that depends on it may live
 *     PREFIX:cache:{TENANT}:lease:NAME     the node that loads the answer now
 *
 * A load stands at a fence: the clock when it began. What it gave is kept only where the generation is
 * still the same and none of its tags has a later `at`; and an entry is valid only while that holds.
 *
 * Redis may forget anything at any time, an eviction or an expiry, and must not forget an invalidation by
 * it. So a tag that is not there counts as invalidated, except for a load since whose fence nothing of its
 * tenant was invalidated at all; and a clock that is not there begins a generation that no entry has.
 * A restart brings back an old file, a failover a replica that lags: what was invalidated last may be
 * valid there. So a generation is bound to the run of the server and to its replication history, and
 * ends with either.
 *
 * The braces keep all keys of a tenant in one slot of a Cluster; so the keys of the tags, which the script
 * reads off the entry, are where it runs.
 */
import { Cluster } from 'ioredis';
import type { CacheKey } from '#runtime';
import type { RedisClient } from './connection.ts';
import { Script } from './script.ts';

export interface Fence {
  readonly generation: string;
  readonly at: string;
}

export type Looked =
  | { readonly kind: 'found'; readonly text: string }
  /** `isLeased`: it is this node's to load, as it may have been before; else another one does. */
  | { readonly kind: 'missing'; readonly at: Fence; readonly isLeased: boolean };

export interface Kept {
  readonly key: CacheKey;
  readonly fence: Fence;
  readonly tags: readonly string[];
  readonly text: string;
  readonly ttlMs: number;
}

/** Sets `run`, and the clock's `generation` and `at`; false where there is no clock of this run. */
const clock = `
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local generation, at = unpack(redis.call('HMGET', KEYS[1], 'generation', 'at'))
if generation and string.sub(generation, 1, #run) ~= run then generation = false end
`;

/** KEYS clock, entry, lease. ARGV prefix of tags, node, lease ms, clock ms. */
const lookScript = new Script(`${clock}
if not generation then
  local time = redis.call('TIME')
  generation, at = run .. ':' .. time[1] .. '.' .. time[2], '0'
  redis.call('HSET', KEYS[1], 'generation', generation, 'at', at)
end
local entry = redis.call('HMGET', KEYS[2], 'generation', 'at', 'tags')
if entry[1] == generation then
  local tags = cjson.decode(entry[3])
  for i, tag in ipairs(tags) do tags[i] = ARGV[1] .. tag end
  local isValid, bound = true, tonumber(entry[2])
  for _, last in ipairs(#tags > 0 and redis.call('MGET', unpack(tags)) or tags) do
    if not last or tonumber(last) > bound then
      isValid = false
      break
    end
  end
  if isValid then return { redis.call('HGET', KEYS[2], 'value') } end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local isLeased = redis.call('SET', KEYS[3], ARGV[2], 'NX', 'PX', ARGV[3])
  or redis.call('GET', KEYS[3]) == ARGV[2]
return { false, generation, at, isLeased and 1 or 0 }
`);

/** KEYS clock, entry, lease, tags. ARGV node, fence's generation and at, ttl ms, clock ms, tags, value. */
const keepScript = new Script(`${clock}
if redis.call('GET', KEYS[3]) == ARGV[1] then redis.call('DEL', KEYS[3]) end
if generation ~= ARGV[2] then return 0 end
local isFresh = true
for i = 4, #KEYS do
  local last = redis.call('GET', KEYS[i])
  if not last then
    last = at
    redis.call('SET', KEYS[i], at, 'PX', ARGV[4])
  elseif redis.call('PTTL', KEYS[i]) < tonumber(ARGV[4]) then
    redis.call('PEXPIRE', KEYS[i], ARGV[4])
  end
  if tonumber(last) > tonumber(ARGV[3]) then isFresh = false end
end
if not isFresh then return 0 end
redis.call('HSET', KEYS[2], 'generation', generation, 'at', ARGV[3], 'tags', ARGV[6], 'value', ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
`);

/** KEYS lease. ARGV node. */
const releaseScript = new Script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
`);

/** KEYS clock, tags. Where there is no clock, nothing is valid and no load under way will be kept. */
const invalidateScript = new Script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return end
local at = redis.call('HINCRBY', KEYS[1], 'at', 1)
for i = 2, #KEYS do redis.call('SET', KEYS[i], at, 'XX', 'KEEPTTL') end
`);

export interface CacheStoreOptions {
  readonly client: RedisClient;
  readonly prefix: string;
  /** Names this node in leases. */
  readonly node: string;
  readonly leaseMs: number;
  /** A clock lives on for this long after its last use; no shorter than any entry. */
  readonly clockMs: number;
}

/** All of it rejects as the client does. */
export class CacheStore {
  readonly #options: CacheStoreOptions;

  constructor(options: CacheStoreOptions) {
    this.#options = options;
  }

  async look(key: CacheKey): Promise<Looked> {
    const { client, clockMs, leaseMs, node } = this.#options;
    const args = [this.#of(key.tenantId, 'tag:'), node, leaseMs, clockMs];
    const reply = await lookScript.run(client, this.#keysOf(key), args);
    const [text, generation, at, isLeased] = reply as [string | null, string, string, number];
    if (text !== null) return { kind: 'found', text };
    return { kind: 'missing', at: { generation, at }, isLeased: isLeased === 1 };
  }

  /** Keeps an answer and gives the lease back; false where one of its tags was invalidated meanwhile. */
  async keep({ fence, key, tags, text, ttlMs }: Kept): Promise<boolean> {
    const { client, clockMs, node } = this.#options;
    const keys = [...this.#keysOf(key), ...tags.map((tag) => this.#of(key.tenantId, `tag:${tag}`))];
    const args = [node, fence.generation, fence.at, ttlMs, clockMs, JSON.stringify(tags), text];
    return (await keepScript.run(client, keys, args)) === 1;
  }

  async release({ name, tenantId }: CacheKey): Promise<void> {
    const { client, node } = this.#options;
    await releaseScript.run(client, [this.#of(tenantId, `lease:${name}`)], [node]);
  }

  async invalidate(tenantId: string, tags: readonly string[]): Promise<void> {
    const keys = ['clock', ...tags.map((tag) => `tag:${tag}`)];
    const { client } = this.#options;
    await invalidateScript.run(
      client,
      keys.map((key) => this.#of(tenantId, key)),
      [],
    );
  }

  /** Drops everything of every tenant: without their clocks all entries are invalid, and expire. */
  async empty(): Promise<void> {
    const { client, prefix } = this.#options;
    const servers = client instanceof Cluster ? client.nodes('master') : [client];
    for (const server of servers) {
      for (let cursor = '0'; ; ) {
        const match = `${literal(prefix)}:cache:{*}:clock`;
        const [next, clocks] = await server.scan(cursor, 'MATCH', match, 'COUNT', 1_000);
        // One by one, each in its slot.
        await Promise.all(clocks.map((key) => server.unlink(key)));
        cursor = next;
        if (cursor === '0') break;
      }
    }
  }

  #keysOf({ name, tenantId }: CacheKey): string[] {
    return ['clock', `entry:${name}`, `lease:${name}`].map((key) => this.#of(tenantId, key));
  }

  #of(tenantId: string, key: string): string {
    return `${this.#options.prefix}:cache:{${tenantId}}:${key}`;
  }
}

/** A text that stands for itself in a pattern of SCAN. */
function literal(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&');
}
