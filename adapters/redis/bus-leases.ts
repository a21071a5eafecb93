/**
 * Which shards are this node's: the whole of the protocol between nodes, each step one script.
 *
 * A node has one lease, kept by tending it, and its shards hang on that: when it runs out, they are
 * free. Every shard has a fencing token of its own besides, higher with every holder; whatever is done
 * with a shard names the token, so a holder that was replaced can do nothing, however late it is. Time
 * is Redis' own, so a node's clock may be wrong.
 *
 * Shares are fair: as many shards as nodes that are alive, divided. Who has fewer takes what is free,
 * who has more is told by how many, and gives those back when nothing of them is in hand. Whenever
 * shares change, all other nodes are called at their bells, so that nobody waits for the next tending.
 *
 * B1: what a holder had taken and not settled stays pending in the consumer group, and is what its
 * successor begins with. B2: an entry counts its holders, and one that was given back in good order is
 * not counted, so that a high count tells of a message which ends those who handle it.
 */
import { BusScript, type Caller, group, intake } from './bus-script.ts';

/** Keeps the lease of a node, takes what it may. Answers what it has, and how many are too many. */
const tending = new BusScript(
  'keeping the lease',
  `
  local node, leaseMs, shards, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
  local time = now()
  redis.call('ZREMRANGEBYSCORE', nodes, '-inf', time)
  if redis.call('ZADD', nodes, time + leaseMs, node) == 1 then callAll(node, leaseMs) end
  local live, alive = {}, redis.call('ZRANGE', nodes, 0, -1)
  for _, name in ipairs(alive) do live[name] = true end
  local names = { '${intake}' }
  for shard = 0, shards - 1 do names[#names + 1] = tostring(shard) end
  local share = math.min(math.ceil(#names / #alive), most)
  local held, owned = {}, redis.call('HGETALL', leases)
  for at = 1, #owned, 2 do held[owned[at]] = owned[at + 1] end
  local mine, free = {}, {}
  for _, shard in ipairs(names) do
    local lease = held[shard]
    local owner = lease and nodeOf(lease)
    if owner == node then mine[#mine + 1] = { shard, lease }
    elseif not live[owner or ''] then free[#free + 1] = shard end
  end
  for _, shard in ipairs(free) do
    if #mine >= share then break end
    local made = redis.pcall('XGROUP', 'CREATE', stream(shard), '${group}', '0', 'MKSTREAM')
    if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
    -- With the time, so that it is another one on a server which lost its count.
    local lease = string.format('%s/%d-%d', node, redis.call('INCR', fence), time)
    redis.call('HSET', leases, shard, lease)
    redis.call('HDEL', reads, shard)
    mine[#mine + 1] = { shard, lease }
  end
  return { mine, math.max(0, #mine - share) }
  `,
);

/** Frees a shard that is still held. What is pending of it belongs to nobody, less `forgiven` counts. */
const givingBack = new BusScript(
  'giving a shard back',
  `
  local node, leaseMs, shard, lease, forgiven = unpack(ARGV)
  if not holds(shard, lease) then return 0 end
  local after = '-'
  repeat
    local page = redis.call('XPENDING', stream(shard), '${group}', after, '+', 100)
    for _, entry in ipairs(page) do
      local count = math.max(0, entry[4] - forgiven)
      redis.call('XCLAIM', stream(shard), '${group}', 'nobody', 0, entry[1], 'RETRYCOUNT', count, 'JUSTID')
      after = '(' .. entry[1]
    end
  until #page < 100
  redis.call('XGROUP', 'DELCONSUMER', stream(shard), '${group}', node)
  redis.call('HDEL', leases, shard)
  callAll(node, leaseMs)
  return 1
  `,
);

const leaving = new BusScript(
  'leaving the bus',
  `
  redis.call('ZREM', nodes, ARGV[1])
  redis.call('DEL', bell(ARGV[1]))
  callAll(ARGV[1], ARGV[2])
  return 1
  `,
);

export interface Holding {
  /** Shards and their leases, as they were when Redis was asked. */
  readonly leases: ReadonlyMap<string, string>;
  /** Shards above this node's share. */
  readonly excess: number;
}

interface LeasesOptions {
  readonly caller: Caller;
  readonly base: string;
  readonly node: string;
  readonly leaseMs: number;
  readonly shards: number;
}

export class Leases {
  readonly #options: LeasesOptions;

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  /** Called several times within a lease. `most` is what it may have after that; 0 when it stops. */
  async tend(most: number): Promise<Holding> {
    const { base, caller, leaseMs, node, shards } = this.#options;
    const answer = await tending.run(caller, base, node, leaseMs, shards, most);
    const [mine, excess] = answer as [[Buffer, Buffer][], number];
    return {
      leases: new Map(mine.map(([shard, lease]) => [String(shard), String(lease)])),
      excess,
    };
  }

  /** Frees one at once. `isInOrder`: its holder did not fail, so what it had pending does not count. */
  async giveBack(shard: string, lease: string, isInOrder: boolean): Promise<void> {
    const { base, caller, leaseMs, node } = this.#options;
    await givingBack.run(caller, base, node, leaseMs, shard, lease, isInOrder ? 1 : 0);
  }

  /** Says that this node is no more; call it when all is given back. */
  async leave(): Promise<void> {
    const { base, caller, leaseMs, node } = this.#options;
    await leaving.run(caller, base, node, leaseMs);
  }
}
