/** A copy that follows its source, through crashes, lost replies and rivals, is its source. */
import { describe, expect, it } from 'vitest';
import { MemoryLog } from '#adapters/memory';
import { systemIds } from '#adapters/system';
import {
  type CopyStatus,
  follow,
  type Ids,
  type Log,
  limits,
  RuntimeError,
  replicaOf,
} from '#runtime';
import { Chance } from '#test/chance';
import { ManualClock, quiet } from '#test/clock';
import { exposedLog, FaultPlan, Life } from '#test/faults';
import { copyOf, growByChance, historyOf } from '#test/history';
import { InterceptedLog } from '#test/stage';
import { until } from '#test/until';
import { newEvent, newEvents } from '../contracts/log-event.ts';

interface Following {
  readonly statuses: CopyStatus[];
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

const clock = new ManualClock();

function following(source: Log, target: Log, options: { clock?: ManualClock; ids?: Ids } = {}) {
  const abort = new AbortController();
  const statuses: CopyStatus[] = [];
  const ended = follow({
    source,
    target: replicaOf(target),
    clock,
    ids: systemIds,
    limits,
    ...options,
    signal: abort.signal,
    onStatus: (status) => statuses.push(status),
  });
  const stop = () => {
    abort.abort();
    return ended;
  };
  return { statuses, ended, stop } satisfies Following;
}

async function isCopied(source: Log, target: Log): Promise<boolean> {
  return (await target.last())?.id === (await source.last())?.id;
}

describe('a follower', () => {
  it('copies history and then what comes, and ends when it is told to', async () => {
    const source = await historyOf(40, new Chance(1));
    const target = new MemoryLog();
    const { stop, statuses } = following(source, target);
    await until('history is copied', () => isCopied(source, target));
    await growByChance(source, 20, new Chance(2));
    await until('what came is copied', () => isCopied(source, target));
    await stop();
    expect(await copyOf(target)).toEqual(await copyOf(source));
    expect(statuses.at(-1)).toMatchObject({
      status: 'live',
      position: await source.head(),
      added: (await copyOf(source)).length,
      lagMs: 0,
      error: null,
    });
  });

  it('goes on where the target ends, though its positions are others', async () => {
    const source = new MemoryLog();
    await source.append('entity-acme/1', newEvents(3), 'any');
    const target = new MemoryLog();
    const first = following(source, target);
    await until('three are copied', () => isCopied(source, target));
    await first.stop();
    await source.append('entity-acme/1', newEvents(2), 'any');
    const asked: number[] = [];
    const watched = new InterceptedLog(source);
    watched.subscribe = (options) => {
      asked.push(options.after);
      return source.subscribe(options);
    };
    const second = following(watched, target);
    await until('all is copied', () => isCopied(source, target));
    await second.stop();
    expect(asked).toEqual([3]);
    expect(second.statuses.at(-1)).toMatchObject({ added: 2 });
  });

  it('says how far it is behind, in positions and in time', async () => {
    const source = new MemoryLog();
    const recordedAt = new Date(clock.now() - 5_000).toISOString();
    for (let at = 0; at < limits.subscriptionBatchMax + 1; at++) {
      const metadata = { messageId: `m-${at}`, recordedAt };
      await source.append(`entity-acme/${at}`, [newEvent({ metadata })], 'no_stream');
    }
    const target = new MemoryLog();
    const { stop, statuses } = following(source, target);
    await until('all is copied', () => isCopied(source, target));
    await stop();
    const [first, last] = [statuses[0]!, statuses.at(-1)!];
    expect(first).toMatchObject({ status: 'catching-up', lagMs: 5_000 });
    expect(first.head - first.position).toBe(1);
    expect(last).toMatchObject({ status: 'live', lagMs: 0 });
  });

  it('tries again for as long as a side is away, and tells of it', async () => {
    const source = await historyOf(10, new Chance(3));
    const inner = new MemoryLog();
    const target = refusing(inner, 20);
    const time = new ManualClock();
    const { stop, statuses } = following(source, target, { clock: time });
    await until('it is copied', async () => {
      time.ringNext();
      await quiet();
      return isCopied(source, inner);
    });
    await stop();
    const failures = statuses.filter(({ status }) => status === 'retrying');
    expect(failures).toHaveLength(20);
    expect(failures[0]!.error).toMatchObject({ code: 'LOG_UNAVAILABLE' });
    expect(await copyOf(inner)).toEqual(await copyOf(source));
  });

  it('ends while it waits for a side that is away', async () => {
    const target = refusing(new MemoryLog(), Number.POSITIVE_INFINITY);
    const { stop, statuses } = following(await historyOf(1, new Chance(1)), target);
    await until('it has failed', () => statuses.length > 0);
    await stop();
  });

  describe('stops with COPY_DIVERGED', () => {
    const refusal = { code: 'COPY_DIVERGED' };

    it('where the target ends with what the source never had', async () => {
      const source = await historyOf(5, new Chance(4));
      const target = new MemoryLog();
      await target.append('entity-acme/own', newEvents(1), 'any');
      await expect(following(source, target).ended).rejects.toMatchObject(refusal);
    });

    it('where the source is older than its copy: it was restored', async () => {
      const source = await historyOf(5, new Chance(4));
      const target = new MemoryLog();
      const { stop } = following(source, target);
      await until('it is copied', () => isCopied(source, target));
      await stop();
      const restored = new MemoryLog();
      const older = following(target, restored);
      await until('a beginning is there', () => isCopied(target, restored));
      await older.stop();
      await target.append('entity-acme/0', newEvents(1), 'any');
      await expect(following(restored, target).ended).rejects.toMatchObject(refusal);
    });

    it('where somebody else writes to the target', async () => {
      const source = new MemoryLog();
      const target = new MemoryLog();
      const { ended, statuses } = following(source, target);
      await source.append('entity-acme/1', newEvents(1), 'any');
      await until('it is copied', () => isCopied(source, target));
      await target.append('entity-acme/1', newEvents(1), 'any');
      await source.append('entity-acme/1', newEvents(1), 'any');
      await expect(ended).rejects.toMatchObject(refusal);
      expect(statuses.at(-1)).toMatchObject({ status: 'stopped', error: refusal });
      expect(await target.head()).toBe(2);
    });
  });

  const seen = { crashes: 0, faults: 0 };
  it.each(Array.from({ length: 24 }, (_, at) => at + 1))(
    'leaves a beginning of the source at every moment of weather %i, and all of it in the end',
    async (seed) => {
      const chance = new Chance(seed);
      const time = new ManualClock();
      const source = await historyOf(1 + chance.int(60), chance);
      const target = new MemoryLog();
      const plan = new FaultPlan(chance);
      const ids: Ids = { ...systemIds, chance: () => chance.next() };
      const rivals = chance.pick([1, 2]);
      const begin = () => {
        const life = new Life();
        const weather = { plan, chance, clock: time, life };
        const seen = [exposedLog(source, weather), exposedLog(target, weather)] as const;
        return { life, ...following(...seen, { clock: time, ids }) };
      };
      const nodes = Array.from({ length: rivals }, begin);
      for (let round = 0; round < 300; round++) {
        if (round === 200) plan.calm();
        if (round < 150 && chance.happens(0.1)) await growByChance(source, 3, chance);
        await quiet();
        time.ringNext();
        for (const [at, { life }] of nodes.entries()) {
          if (!life.isOver) continue;
          nodes[at] = begin();
          seen.crashes += 1;
        }
        const copied = await copyOf(target);
        expect(copied).toEqual((await copyOf(source)).slice(0, copied.length));
      }
      await until('all is copied', async () => {
        time.ringNext();
        await quiet();
        return isCopied(source, target);
      });
      expect(await copyOf(target)).toEqual(await copyOf(source));
      await Promise.all(nodes.map(({ stop }) => stop()));
      seen.faults += plan.struck.length;
    },
  );

  it('has seen weather enough', () => {
    expect(seen.crashes).toBeGreaterThan(20);
    expect(seen.faults).toBeGreaterThan(200);
  });
});

/** A log whose first `times` reads are refused. */
function refusing(inner: Log, times: number): Log {
  const log = new InterceptedLog(inner);
  let left = times;
  log.onRead = async () => {
    if (left-- > 0) throw new RuntimeError('LOG_UNAVAILABLE', 'the log is away');
  };
  return log;
}
