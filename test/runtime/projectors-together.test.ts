/** Several projections rebuilt or switched back together: all change, or none does. */
import { describe, expect, it } from 'vitest';
import { type HostedProjection, host, RuntimeError, rowless } from '#runtime';
import { quiet } from '#test/clock';
import { createEntity, onTheBus } from '#test/messages';
import { inTime, type Stage, stage } from '#test/stage';
import { TallyGenerations, tally } from '#test/tally';

const some = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => onTheBus(createEntity({ id: `issue-${from + at}` })));

const away = () => Promise.reject(new RuntimeError('READ_STORE_UNAVAILABLE', 'away'));
const broken = () => Promise.reject(new RuntimeError('INTERNAL', 'a bug'));

interface Pair extends Stage {
  readonly words: TallyGenerations;
  readonly vectors: TallyGenerations;
  rebuild(options?: { keepsOld?: boolean; eventsPerSecondMax?: number }): Promise<void>;
  switchBack(): Promise<void>;
  /** Numbers of the live generations. */
  live(): readonly number[];
  /** Checkpoints of what is being built or was left. */
  begun(): readonly (readonly number[])[];
}

/** Two projections that have followed `events` events. */
async function pair(events: number, others: readonly HostedProjection[] = []): Promise<Pair> {
  const [words, vectors] = [new TallyGenerations(), new TallyGenerations()];
  const staged = await stage({
    projections: [
      host({ ...tally, name: 'words' }, words),
      host({ ...tally, name: 'vectors' }, vectors),
      ...others,
    ],
  });
  await staged.bus.publish(some(events));
  await quiet();
  const [first, second] = ['words', 'vectors'].map((name) => staged.runtime.projector(name));
  const both = [words, vectors];
  return {
    ...staged,
    words,
    vectors,
    rebuild: (options) => first!.rebuild({ ...options, beside: [second!] }),
    switchBack: () => first!.switchBack({ beside: [second!] }),
    live: () => both.map(({ liveSink }) => liveSink.generation),
    begun: () => both.map((one) => one.begun.map(({ checkpoint }) => checkpoint)),
  };
}

describe('projections that are rebuilt together', () => {
  it('change at one position, and go on from there', async () => {
    const { bus, live, rebuild, telemetry, vectors, words } = await pair(3);
    await rebuild();
    expect(live()).toEqual([2, 2]);
    expect(telemetry.all('projection-rebuilt')).toMatchObject([
      { projection: 'words', position: 3 },
      { projection: 'vectors', position: 3 },
    ]);
    await bus.publish(some(2, 3));
    await quiet();
    for (const { liveSink } of [words, vectors]) {
      expect([...liveSink.counts.values()]).toEqual([1, 1, 1, 1, 1]);
    }
  });

  it('wait for the slowest, which shows with each, and have what came meanwhile', async () => {
    const { bus, live, rebuild, runtime, vectors, words } = await pair(3);
    const indexed = Promise.withResolvers<void>();
    vectors.complete = () => indexed.promise;
    const rebuilt = rebuild();
    await quiet();
    const shown = (await runtime.projections()).map((status) => status.rebuild?.phase);
    expect(shown).toEqual(['waiting', 'indexing']);
    await bus.publish(some(2, 3));
    await quiet();
    expect(live()).toEqual([1, 1]);
    expect(words.liveSink.checkpoint).toBe(5);
    let seen: unknown;
    const { promote } = words;
    vectors.promote = async (...args) => {
      seen = [words.begun[0]!.checkpoint, vectors.begun[0]!.checkpoint];
      return promote.apply(vectors, args);
    };
    indexed.resolve();
    await rebuilt;
    expect(seen).toEqual([5, 5]);
    expect(live()).toEqual([2, 2]);
    expect((await runtime.projections()).map((status) => status.rebuild)).toEqual([null, null]);
  });

  it('share the pace that they are given', async () => {
    const { clock, rebuild } = await pair(35);
    const startMs = clock.now();
    await inTime(clock, rebuild({ eventsPerSecondMax: 20 }));
    expect(clock.now() - startMs).toBe(3_000);
  });

  it('stay as they are where one can not be built, which alone is dropped', async () => {
    const { begun, bus, live, rebuild, vectors, words } = await pair(3);
    vectors.complete = broken;
    await expect(rebuild()).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(begun()).toEqual([[3], []]);
    expect(live()).toEqual([1, 1]);
    await bus.publish(some(1, 3));
    await quiet();
    expect([words, vectors].map(({ liveSink }) => liveSink.checkpoint)).toEqual([4, 4]);
  });

  it('cut each other off in the middle', async () => {
    const { begun, clock, rebuild, vectors } = await pair(30);
    const begin = vectors.begin.bind(vectors);
    vectors.begin = async (head) => Object.assign(await begin(head), { apply: broken });
    const rebuilt = rebuild({ eventsPerSecondMax: 20 });
    await expect(inTime(clock, rebuilt)).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(begun()).toEqual([[10], []]);
  });

  it('stay as they are where the change fails, and are gone on with', async () => {
    const { begun, live, rebuild, vectors } = await pair(3);
    const { promote } = vectors;
    vectors.promote = away;
    await expect(rebuild()).rejects.toMatchObject({ code: 'READ_STORE_UNAVAILABLE' });
    expect(live()).toEqual([1, 1]);
    expect(begun()).toEqual([[3], [3]]);
    vectors.promote = promote;
    await rebuild();
    expect(live()).toEqual([2, 2]);
    expect(begun()).toEqual([[], []]);
  });

  it('are dropped where the change can not succeed', async () => {
    const { begun, live, rebuild, vectors } = await pair(3);
    vectors.promote = broken;
    await expect(rebuild()).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(live()).toEqual([1, 1]);
    expect(begun()).toEqual([[], []]);
  });

  it('are left where a stop of one cuts them off', async () => {
    const { begun, rebuild, runtime } = await pair(30);
    const rebuilt = rebuild({ eventsPerSecondMax: 20 });
    rebuilt.catch(() => undefined);
    await quiet();
    await runtime.projector('vectors').stop();
    await expect(rebuilt).rejects.toThrow();
    expect(begun()).toEqual([[10], [10]]);
  });

  it('do not begin while one of them is busy, and are all busy then', async () => {
    const { begun, rebuild, runtime, words } = await pair(3);
    const busy = { code: 'PROJECTION_BUSY' };
    const indexed = Promise.withResolvers<void>();
    words.complete = () => indexed.promise;
    const first = runtime.projector('words').rebuild();
    await expect(rebuild()).rejects.toMatchObject(busy);
    expect(begun()[1]).toEqual([]);
    indexed.resolve();
    await first;
    const second = rebuild();
    await expect(runtime.projector('vectors').verify()).rejects.toMatchObject(busy);
    await second;
  });

  it.each<[what: string, left: readonly number[]]>([
    ['nothing is begun', []],
    ['what was left before stays', [2]],
  ])('do not begin where another node builds one of them: %s', async (_what, left) => {
    const { begun, live, rebuild, vectors, words } = await pair(3);
    if (left.length > 0) {
      const sink = await vectors.begin();
      await sink.apply({ changes: [], from: 0, to: 2 });
    }
    words.begin = () => Promise.reject(new RuntimeError('PROJECTION_BUSY', 'another node'));
    await expect(rebuild()).rejects.toMatchObject({ code: 'PROJECTION_BUSY' });
    expect(begun()).toEqual([[], left]);
    expect(live()).toEqual([1, 1]);
  });

  it('do not begin where one has no rows', async () => {
    const letters = { ...tally, name: 'letters' };
    const sent = rowless(letters, { position: async () => 0, apply: async ({ to }) => to });
    const { begun, runtime } = await pair(3, [host(letters, sent)]);
    const beside = [runtime.projector('letters')];
    await expect(runtime.projector('vectors').rebuild({ beside })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    expect(begun()).toEqual([[], []]);
  });

  it('are one where it is named twice', async () => {
    const { live, runtime, telemetry } = await pair(3);
    const words = runtime.projector('words');
    await words.rebuild({ beside: [words] });
    expect(live()).toEqual([2, 1]);
    expect(telemetry.all('projection-rebuilt')).toHaveLength(1);
  });
});

describe('projections that are switched back together', () => {
  it('change at one position, and forth again', async () => {
    const { bus, live, rebuild, switchBack, vectors, words } = await pair(2);
    await rebuild({ keepsOld: true });
    await bus.publish(some(1, 2));
    await quiet();
    for (const generation of [1, 2]) {
      await switchBack();
      expect(live()).toEqual([generation, generation]);
      await quiet();
      for (const { liveSink } of [words, vectors]) {
        expect([...liveSink.counts.values()]).toEqual([1, 1, 1]);
      }
    }
  });

  it('stay as they are where of one nothing is kept', async () => {
    const { live, runtime, switchBack } = await pair(2);
    await runtime.projector('vectors').rebuild({ keepsOld: true });
    await expect(switchBack()).rejects.toMatchObject({ code: 'GENERATION_UNKNOWN' });
    expect(live()).toEqual([1, 2]);
  });

  it('stay as they are where one holds more than the log does', async () => {
    const { live, rebuild, switchBack, vectors } = await pair(2);
    await rebuild({ keepsOld: true });
    vectors.keptSink!.checkpoint = 9;
    await expect(switchBack()).rejects.toMatchObject({ code: 'CHECKPOINT_AHEAD' });
    expect(live()).toEqual([2, 2]);
  });
});
