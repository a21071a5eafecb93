/**
 * Reading the shards in hand, as their holder and nobody else.
 *
 * A script can't block and a blocking read can't be fenced, so both are done: the holder waits at its
 * bell, which a publish rings with the name of the shard, and then a script which checks the lease
 * reads what is new. Bells hold names, so a shard that is rung a thousand times is one wake-up.
 *
 * A reading whose answer did not come may be done later than the next one, where a
 * proxy or a kernel had it still; what it hands out nobody would hear of. So readings are numbered, and
 * one that comes after a later one does nothing.
 *
 * A shard that was just taken is read from its pending entries first (B1), and what is new only when
 * none of those is left. An entry which several holders failed to settle may be one that ends them, so
 * it is handed out alone: its neighbours do not share its fate.
 */
import { type Entry, incoming } from './bus-message.ts';
import { BusScript, type Caller, group, type ScriptAnswer } from './bus-script.ts';

/**
 * For each shard: its state (-1 the lease is lost, 0 nothing further, 1 there may be more, 2 pending
 * entries were handed out) and the entries. Reads no further when `bytesMax` are in the answer.
 */
const taking = new BusScript(
  'reading shards',
  `
  local node, bytesMax, suspectAfter = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
  local number = tonumber(ARGV[4])
  local bytes, answers = 0, {}
  local function add(entries, entry, count)
    local body = field(entry[2], 'body')
    bytes = bytes + #(body or '')
    entries[#entries + 1] = { entry[1], count, field(entry[2], 'id'), body,
      field(entry[2], 'traceparent') }
  end

  local function claim(key, count, entries)
    local pending = redis.call('XPENDING', key, '${group}', '-', '+', count)
    for at, one in ipairs(pending) do
      local id, owner, holders = one[1], one[2], one[4]
      if at > 1 and (bytes >= bytesMax or holders >= suspectAfter) then break end
      if owner ~= node then holders = holders + 1 end
      local claimed = redis.call('XCLAIM', key, '${group}', node, 0, id, 'RETRYCOUNT', holders)
      if claimed[1] then add(entries, claimed[1], holders) end
      if holders > suspectAfter then break end
    end
    if #pending > 0 then return true end
    for _, one in ipairs(redis.call('XINFO', 'CONSUMERS', key, '${group}')) do
      if field(one, 'name') ~= node then
        redis.call('XGROUP', 'DELCONSUMER', key, '${group}', field(one, 'name'))
      end
    end
    return false
  end

  local function read(key, count, entries)
    while count > 0 and bytes < bytesMax do
      local step = math.min(count, 8)
      local found = redis.call('XREADGROUP', 'GROUP', '${group}', node, 'COUNT', step, 'STREAMS', key, '>')
      local new = found and found[1][2] or {}
      for _, entry in ipairs(new) do add(entries, entry, 1) end
      if #new < step then return 0 end
      count = count - step
    end
    return 1
  end

  local function isLate(shard)
    if tonumber(redis.call('HGET', reads, shard) or 0) >= number then return true end
    redis.call('HSET', reads, shard, number)
    return false
  end

  for at = 5, #ARGV, 4 do
    local shard, lease, count, isClaiming = unpack(ARGV, at, at + 3)
    local entries, state = {}, nil
    if not holds(shard, lease) or isLate(shard) then state = -1
    elseif bytes >= bytesMax then state = isClaiming == '1' and 2 or 1
    elseif isClaiming == '1' and claim(stream(shard), tonumber(count), entries) then state = 2
    else state = read(stream(shard), tonumber(count), entries) end
    answers[#answers + 1] = { state, entries }
  end
  return answers
  `,
);

/** A shard that is asked for. */
export interface Wanted {
  readonly id: string;
  readonly lease: string;
  /** Entries that there is room for. */
  readonly room: number;
  /** It may have pending entries that nobody has in hand. Nothing of it may be in hand then. */
  readonly isClaiming: boolean;
}

export interface Taken {
  readonly state: 'lost' | 'empty' | 'more' | 'claiming';
  readonly entries: readonly Entry[];
}

interface TakingOptions {
  readonly caller: Caller;
  readonly base: string;
  readonly node: string;
  readonly suspectAfter: number;
}

export class Taking {
  readonly #options: TakingOptions;
  #readings = 0;

  constructor(options: TakingOptions) {
    this.#options = options;
  }

  /**
   * One answer for each that is wanted. Throws BUS_UNAVAILABLE, and then what was read may be pending in
   * our name: the shard is to be claimed.
   */
  async take(wanted: readonly Wanted[], bytesMax: number): Promise<readonly Taken[]> {
    const { base, caller, node, suspectAfter } = this.#options;
    const args = wanted.flatMap((one) => [one.id, one.lease, one.room, one.isClaiming ? 1 : 0]);
    this.#readings += 1;
    const common = [node, bytesMax, suspectAfter, this.#readings];
    const answer = await taking.run(caller, base, ...common, ...args);
    return (answer as [number, ScriptAnswer[]][]).map(([state, entries]) => ({
      state: states.get(state)!,
      entries: entries.map(incoming),
    }));
  }
}

const states: ReadonlyMap<number, Taken['state']> = new Map([
  [-1, 'lost'],
  [0, 'empty'],
  [1, 'more'],
  [2, 'claiming'],
]);
