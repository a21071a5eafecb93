/**
 * The bus' scripts: what Redis does in one step, and the names of the keys that it does it to.
 *
 *     {cognisync:bus}:7            stream   messages of shard 7: id (the producer's), body
 *     {cognisync:bus}:intake       stream   messages whose shard is to be found: body, and id if you like
 *     {cognisync:bus}:leases       hash     shard → who may read and settle it, `<node>/<fencing token>-<ms>`
 *     {cognisync:bus}:reads        hash     shard → number of the last reading by its holder
 *     {cognisync:bus}:fence        counter  the last token that was given
 *     {cognisync:bus}:nodes        zset     node → when it counts as dead, by Redis' clock
 *     {cognisync:bus}:bell:<node>  zset     shards of this node in which something is new
 *     {cognisync:bus}:seen         zset     ids of messages → when they were published
 *     {cognisync:bus}:dead:acme    stream   the dead letters of a tenant; `dead:` of those without one
 *     {cognisync:bus}:letters      counter  the last number of a dead letter
 *     {cognisync:bus}:shelves      set      tenants that have, or had, dead letters; '' for those without one
 *
 * All of them have one hash tag, so on a Cluster one of its masters has the whole bus. That is what
 * makes a publish over many shards, and the move of a message to the dead letters, one step; a bus that
 * one Redis can't carry is a case for Service Bus.
 */
import { busFailure } from './bus-failure.ts';
import { Script } from './script.ts';

/** The consumer group of every shard. Its consumers are the nodes. */
export const group = 'cognisync';

/** The stream for producers who know nothing of shards; held and read as one more of them. */
export const intake = 'intake';

/** At a bell in place of a shard: shares change, tend the lease now. */
export const summons = 'tend';

const prelude = `
local base = KEYS[1]
local leases, nodes, seen = base .. ':leases', base .. ':nodes', base .. ':seen'
local fence, reads, letters = base .. ':fence', base .. ':reads', base .. ':letters'
local shelves = base .. ':shelves'
local function stream(shard) return base .. ':' .. shard end
local function bell(node) return base .. ':bell:' .. node end
local function dead(tenant) return base .. ':dead:' .. tenant end
local function nodeOf(lease) return string.match(lease, '^[^/]*') end
local function holds(shard, lease) return redis.call('HGET', leases, shard) == lease end
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function ringAt(node, what, bellMs)
  redis.call('ZADD', bell(node), 0, what)
  redis.call('PEXPIRE', bell(node), bellMs)
end
local function ring(shards, bellMs)
  for shard in pairs(shards) do
    local lease = redis.call('HGET', leases, shard)
    if lease then ringAt(nodeOf(lease), shard, bellMs) end
  end
end
local function callAll(but, bellMs)
  for _, node in ipairs(redis.call('ZRANGE', nodes, 0, -1)) do
    if node ~= but then ringAt(node, '${summons}', bellMs) end
  end
end
local function field(fields, name)
  for at = 1, #fields, 2 do
    if fields[at] == name then return fields[at + 1] end
  end
  return false
end
`;

/** What a script is asked with. */
export type ScriptArgument = string | number | Buffer;
/** What it answers: bulk strings are bytes. */
export type ScriptAnswer = Buffer | number | null | readonly ScriptAnswer[];

/** What is used of a client, single or of a Cluster. */
export interface Caller {
  callBuffer(command: string, ...args: ScriptArgument[]): Promise<unknown>;
}

export class BusScript {
  readonly #task: string;
  readonly #script: Script;

  /**
   * `task` says in errors what was being done. What keeps the bus going or empties it runs when Redis has
   * no memory left; what fills it is refused.
   */
  constructor(task: string, text: string, whenFull: 'run' | 'refuse' = 'run') {
    this.#task = task;
    const flags = whenFull === 'run' ? ' flags=allow-oom' : '';
    this.#script = new Script(`#!lua${flags}\n${prelude}${text}`);
  }

  /**
   * Runs it whole or not at all. Throws BUS_UNAVAILABLE, and then it may have run all the same, or
   * BUS_SATURATED where Redis has no memory left.
   */
  async run(caller: Caller, base: string, ...args: ScriptArgument[]): Promise<ScriptAnswer> {
    try {
      return await this.#script.ask(
        (command, script) =>
          caller.callBuffer(command, script, 1, base, ...args) as Promise<ScriptAnswer>,
      );
    } catch (thrown) {
      throw busFailure(thrown, this.#task);
    }
  }
}

/** The key that all others begin with. */
export function baseOf(prefix: string): string {
  return `{${prefix}:bus}`;
}
