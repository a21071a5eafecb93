import { describe, expect, it } from 'vitest';
import { MemoryLog } from '#adapters/memory';
import { type Generations, host, RuntimeError, type Sink } from '#runtime';
import { quiet } from '#test/clock';
import { createEntity, onTheBus, updateEntity } from '#test/messages';
import { inTime, stage } from '#test/stage';
import { TallyGenerations, TallySink, tally } from '#test/tally';

const some = (count: number) =>
  Array.from({ length: count }, (_, index) => onTheBus(createEntity({ id: `issue-${index}` })));

/** Generations whose live sink applies through the test's hands. */
function intercepted(
  inner: TallyGenerations,
  onApply: (apply: Sink<string>['apply'], batch: Parameters<Sink<string>['apply']>[0]) => unknown,
): Generations<string> {
  return {
    begin: (head) => inner.begin(head),
    complete: () => inner.complete(),
    promote: (sink, options) => inner.promote(sink, options),
    promotion: (sink, options) => inner.promotion(sink, options),
    leave: () => inner.leave(),
    discard: (sink) => inner.discard(sink),
    kept: () => inner.kept(),
    list: () => inner.list(),
    live: async () => {
      const sink = inner.liveSink;
      const apply: Sink<string>['apply'] = (batch) => sink.apply(batch);
      return {
        version: inner.version,
        sink: {
          generation: sink.generation,
          position: () => sink.position(),
          checksum: () => sink.checksum(),
          apply: async (batch) => (await onApply(apply, batch)) as number,
        },
      };
    },
  };
}

describe('a projector', () => {
  it('catches up with history, then stays live', async () => {
    const log = new MemoryLog();
    const before = await stage({ log });
    await before.bus.publish(some(3));

    const generations = new TallyGenerations();
    const { bus, telemetry, runtime } = await stage({
      log,
      projections: [host(tally, generations)],
    });
    await quiet();
    expect(telemetry.all('projection-live')).toHaveLength(1);
    await bus.publish([onTheBus(updateEntity({ id: 'issue-0', at: 1, properties: { a: 1 } }))]);
    await quiet();
    expect(Object.fromEntries(generations.liveSink.counts)).toEqual({
      'entity-acme/issue-0': 2,
      'entity-acme/issue-1': 1,
      'entity-acme/issue-2': 1,
    });
    expect(await runtime.projections()).toMatchObject([
      { name: 'tally', status: 'live', position: 4, head: 4, lag: 0, error: null },
    ]);
  });

  it('applies a batch once, though its reply was lost', async () => {
    const generations = new TallyGenerations();
    let isFirst = true;
    const lossy = intercepted(generations, async (apply, batch) => {
      const position = await apply(batch);
      if (!isFirst) return position;
      isFirst = false;
      throw new RuntimeError('READ_STORE_UNAVAILABLE', 'no reply');
    });
    const { bus, clock, telemetry } = await stage({ projections: [host(tally, lossy)] });
    await bus.publish(some(2));
    await inTime(clock, telemetry.first('projection-live'));
    expect([...generations.liveSink.counts.values()]).toEqual([1, 1]);
    expect(telemetry.all('projection-retried')).toHaveLength(1);
  });

  it('applies a batch once, though two runners try', async () => {
    const log = new MemoryLog();
    const generations = new TallyGenerations();
    const projections = [host(tally, generations)];
    const one = await stage({ log, projections });
    const other = await stage({ log, projections });
    await one.bus.publish(some(5));
    await other.bus.publish(some(7));
    await quiet();
    expect((await generations.liveSink.checksum()).rows).toBe(7);
    expect(generations.liveSink.checkpoint).toBe(await log.head());
  });

  it('waits longer and longer while its store is away, and goes on when it is back', async () => {
    const generations = new TallyGenerations();
    let isAway = true;
    const flaky = intercepted(generations, (apply, batch) => {
      if (isAway) throw new RuntimeError('READ_STORE_UNAVAILABLE', 'away');
      return apply(batch);
    });
    const { bus, clock, telemetry, runtime } = await stage({ projections: [host(tally, flaky)] });
    await bus.publish(some(1));
    await clock.advance(1_000);
    expect(await runtime.projections()).toMatchObject([
      { status: 'retrying', lag: 1, error: { code: 'READ_STORE_UNAVAILABLE' } },
    ]);
    isAway = false;
    await inTime(clock, telemetry.first('projection-applied'));
    expect(generations.liveSink.counts.size).toBe(1);
  });

  it('stops alone at a fault that trying again can not mend', async () => {
    const healthy = new TallyGenerations();
    const broken = {
      ...tally,
      name: 'broken',
      project: () => {
        throw new Error('a bug');
      },
    };
    const { bus, runtime, telemetry } = await stage({
      projections: [host(broken, new TallyGenerations()), host(tally, healthy)],
    });
    await bus.publish(some(2));
    await quiet();
    expect(telemetry.all('projection-stopped')).toMatchObject([{ projection: 'broken' }]);
    expect(await runtime.projections()).toMatchObject([
      { name: 'broken', status: 'stopped', error: { code: 'INTERNAL', message: 'a bug' } },
      { name: 'tally', status: 'live', lag: 0 },
    ]);
    expect(healthy.liveSink.counts.size).toBe(2);
  });

  it('stops at an event that is newer than its code', async () => {
    const log = new MemoryLog();
    const metadata = { messageId: 'x', recordedAt: '2026-11-24T12:00:00.000Z' };
    const event = { id: 'x', type: 'EntityCreated', schemaVersion: 9, data: {}, metadata };
    await log.append('entity-acme/x', [event], 'no_stream');
    const { runtime } = await stage({ log, projections: [host(tally, new TallyGenerations())] });
    await quiet();
    expect(await runtime.projections()).toMatchObject([
      { status: 'stopped', error: { code: 'EVENT_VERSION_UNKNOWN' } },
    ]);
  });

  it('stops where the log ends before its checkpoint, and a rebuild mends it', async () => {
    const generations = new TallyGenerations();
    generations.liveSink.checkpoint = 9;
    generations.liveSink.counts.set('a stream of the lost log', 1);
    const { bus, runtime } = await stage({ projections: [host(tally, generations)] });
    await bus.publish(some(2));
    await quiet();
    expect(await runtime.projections()).toMatchObject([
      { status: 'stopped', error: { code: 'CHECKPOINT_AHEAD' } },
    ]);
    await runtime.projector('tally').rebuild();
    await quiet();
    expect([...generations.liveSink.counts.keys()]).toEqual([
      'entity-acme/issue-0',
      'entity-acme/issue-1',
    ]);
    expect(await runtime.projections()).toMatchObject([{ status: 'live', lag: 0 }]);
  });

  it('rebuilds beside the live generation and takes its place', async () => {
    const generations = new TallyGenerations();
    const { bus, runtime, telemetry } = await stage({ projections: [host(tally, generations)] });
    await bus.publish(some(3));
    await quiet();
    generations.liveSink.counts.set('a row that no event explains', 1);
    await runtime.projector('tally').rebuild();
    expect(generations.liveSink.generation).toBe(2);
    expect(generations.liveSink.counts.size).toBe(3);
    expect(telemetry.all('projection-rebuilt')).toMatchObject([{ position: 3 }]);
    await bus.publish([onTheBus(createEntity({ id: 'later' }))]);
    await quiet();
    expect(generations.liveSink.counts.size).toBe(4);
  });

  it('names the generation that readers see, while it knows it', async () => {
    const { bus, clock, runtime } = await stage({
      projections: [host(tally, new TallyGenerations())],
    });
    const projector = runtime.projector('tally');
    expect(projector.generation).toBe(null);
    await bus.publish(some(1));
    await quiet();
    expect(projector.generation).toBe(1);
    await projector.rebuild();
    await quiet();
    expect(projector.generation).toBe(2);
    await inTime(clock, runtime.stop());
    expect(projector.generation).toBe(null);
  });

  it('names no generation whose rows stand behind what was told of them', async () => {
    const generations = new TallyGenerations();
    const seen: unknown[] = [];
    const watched = intercepted(generations, (apply, batch) => {
      seen.push(runtime.projector('tally').generation);
      return apply(batch);
    });
    const { bus, clock, runtime } = await stage({ projections: [host(tally, watched)] });
    await bus.publish(some(3));
    await quiet();
    // Another runner promotes what it built before the last events.
    generations.liveSink.isReplaced = true;
    generations.liveSink = new TallySink(2, true);
    seen.length = 0;
    await bus.publish([onTheBus(createEntity({ id: 'next' }))]);
    await quiet();
    await clock.advance(10_000);
    expect(seen).toEqual([1, null]);
    expect(runtime.projector('tally').generation).toBe(2);
  });

  it('refuses a second rebuild while one runs, and any of an unknown projection', async () => {
    const { runtime } = await stage({ projections: [host(tally, new TallyGenerations())] });
    const first = runtime.projector('tally').rebuild();
    await expect(runtime.projector('tally').rebuild()).rejects.toMatchObject({
      code: 'PROJECTION_BUSY',
    });
    await first;
    expect(() => runtime.projector('nonsense')).toThrow(
      expect.objectContaining({ code: 'PROJECTION_UNKNOWN' }),
    );
  });

  it('rebuilds at start what an older version of its code built', async () => {
    const log = new MemoryLog();
    const before = await stage({ log });
    await before.bus.publish(some(2));
    const generations = new TallyGenerations();
    generations.version = 0;
    const { telemetry } = await stage({ log, projections: [host(tally, generations)] });
    await telemetry.first('projection-live');
    expect(generations.liveSink.generation).toBe(2);
    expect(generations.liveSink.counts.size).toBe(2);
  });

  it('leaves rows of an older version alone where it may not rebuild them, and says so', async () => {
    const log = new MemoryLog();
    const before = await stage({ log });
    await before.bus.publish(some(2));
    const generations = new TallyGenerations();
    generations.version = 0;
    const projections = [host(tally, generations)];
    const { runtime } = await stage({ log, projections, rebuildOnStart: 'never' });
    await quiet();
    expect(await runtime.projections()).toMatchObject([
      { status: 'stopped', error: { code: 'PROJECTION_OUTDATED' } },
    ]);
    expect(generations.liveSink).toMatchObject({ generation: 1, checkpoint: 0 });
    await runtime.projector('tally').rebuild();
    await quiet();
    expect(await runtime.projections()).toMatchObject([{ status: 'live', lag: 0, error: null }]);
    expect(generations.liveSink.counts.size).toBe(2);
  });

  it('goes on with a rebuild that a passing fault cut off, and the live one goes on', async () => {
    const generations = new TallyGenerations();
    const { bus, runtime } = await stage({ projections: [host(tally, generations)] });
    await bus.publish(some(2));
    const { promote } = generations;
    generations.promote = () => Promise.reject(new RuntimeError('READ_STORE_UNAVAILABLE', 'away'));
    await expect(runtime.projector('tally').rebuild()).rejects.toMatchObject({
      code: 'READ_STORE_UNAVAILABLE',
    });
    const [left] = generations.begun;
    await bus.publish([onTheBus(createEntity({ id: 'later' }))]);
    await quiet();
    expect(generations.liveSink.counts.size).toBe(3);
    generations.promote = promote;
    await runtime.projector('tally').rebuild();
    expect(generations.liveSink).toBe(left);
    expect([...generations.liveSink.counts.values()]).toEqual([1, 1, 1]);
  });

  it('drops the unfinished generation of a rebuild that can not succeed', async () => {
    const generations = new TallyGenerations();
    const { bus, runtime } = await stage({ projections: [host(tally, generations)] });
    await bus.publish(some(2));
    generations.complete = () => Promise.reject(new RuntimeError('INTERNAL', 'a bug'));
    await expect(runtime.projector('tally').rebuild()).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(generations.begun).toEqual([]);
  });

  it('leaves a rebuild that a stop cuts off', async () => {
    const generations = new TallyGenerations();
    const { bus, runtime } = await stage({ projections: [host(tally, generations)] });
    await bus.publish(some(30));
    const rebuilt = runtime.projector('tally').rebuild({ eventsPerSecondMax: 10 });
    rebuilt.catch(() => undefined);
    await quiet();
    await runtime.projector('tally').stop();
    await expect(rebuilt).rejects.toThrow();
    expect(generations.begun).toMatchObject([{ checkpoint: 10 }]);
  });

  it('rebuilds no faster than it is told to', async () => {
    const { bus, clock, runtime } = await stage({
      projections: [host(tally, new TallyGenerations())],
    });
    await bus.publish(some(35));
    const startMs = clock.now();
    await inTime(clock, runtime.projector('tally').rebuild({ eventsPerSecondMax: 10 }));
    expect(clock.now() - startMs).toBe(3_000);
  });

  it('tells that it makes indexes when all rows are there', async () => {
    const generations = new TallyGenerations();
    const { bus, runtime } = await stage({ projections: [host(tally, generations)] });
    await bus.publish(some(3));
    const phases: unknown[] = [];
    generations.complete = async () => {
      phases.push((await runtime.projector('tally').status()).rebuild);
    };
    await runtime.projector('tally').rebuild();
    expect(phases[0]).toMatchObject({ phase: 'indexing', position: 3, head: 3 });
  });

  it('switches back to the rows that a rebuild kept, brought up to date, and forth again', async () => {
    const generations = new TallyGenerations();
    const { bus, runtime } = await stage({ projections: [host(tally, generations)] });
    await bus.publish(some(2));
    await quiet();
    const projector = runtime.projector('tally');
    await expect(projector.switchBack()).rejects.toMatchObject({ code: 'GENERATION_UNKNOWN' });
    await projector.rebuild({ keepsOld: true });
    await bus.publish([onTheBus(createEntity({ id: 'later' }))]);
    await quiet();
    for (const generation of [1, 2]) {
      await projector.switchBack();
      await quiet();
      expect(generations.liveSink.generation).toBe(generation);
      expect([...generations.liveSink.counts.values()]).toEqual([1, 1, 1]);
      expect(await runtime.projections()).toMatchObject([{ status: 'live', lag: 0 }]);
    }
  });

  it('does not switch back to rows of a log that was restored since', async () => {
    const generations = new TallyGenerations();
    const { runtime } = await stage({ projections: [host(tally, generations)] });
    await runtime.projector('tally').rebuild({ keepsOld: true });
    generations.keptSink!.checkpoint = 9;
    await expect(runtime.projector('tally').switchBack()).rejects.toMatchObject({
      code: 'CHECKPOINT_AHEAD',
    });
    expect(generations.liveSink.generation).toBe(2);
  });

  it('verifies that a replay gives the same rows, and sees a row that no event explains', async () => {
    const generations = new TallyGenerations();
    const { bus, runtime } = await stage({ projections: [host(tally, generations)] });
    await bus.publish(some(3));
    await quiet();
    expect(await runtime.projector('tally').verify()).toMatchObject({ isSame: true, position: 3 });
    (generations.liveSink as TallySink).counts.set('entity-acme/issue-0', 2);
    expect(await runtime.projector('tally').verify()).toMatchObject({ isSame: false });
    expect(generations.begun).toEqual([]);
  });
});
