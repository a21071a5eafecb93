/** Of several nodes one indexes what comes, another goes on when it ends, and each knows how far it is. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryLog } from '#adapters/memory';
import { systemClock, systemIds } from '#adapters/system';
import { Indexer } from '#projections';
import { type Clock, limits, Progress } from '#runtime';
import { entityCreated, entityUpdated, type Fact } from '#test/events';
import { chunksAfter, IndexRig, schemaOf } from '#test/index-rig';
import { type StoreUnderTest, vectorKinds } from '#test/read-stores';
import { TamedEmbedder } from '#test/tamed-embedder';
import { until } from '#test/until';

const page = (id: string, text: string) => entityCreated({ id, properties: { text } });
const never = new AbortController().signal;

/** No pause is longer than some milliseconds. */
const quick: Clock = {
  now: () => systemClock.now(),
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal),
};

describe.each(vectorKinds)('the indexer on $name', ({ make }) => {
  let under: StoreUnderTest;
  let rig: IndexRig;
  let progress: Progress;
  const nodes: Indexer[] = [];
  beforeAll(async () => {
    under = await make();
  });
  afterAll(() => under.dispose());
  beforeEach(async () => {
    rig = await IndexRig.over(under.store, { clock: quick });
    progress = new Progress();
  });
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.stop();
  });

  /** A node with a model of its own, on the rows of all. */
  function start({ clock = quick, model = new TamedEmbedder() } = {}) {
    const { filler, telemetry } = new IndexRig(under.store, { embedder: model, clock });
    const node = new Indexer({
      filler,
      progress: () => progress,
      log: new MemoryLog(),
      clock,
      ids: systemIds,
      telemetry,
    });
    nodes.push(node);
    node.start();
    return { node, model, telemetry };
  }

  async function record(...facts: readonly Fact[]): Promise<number> {
    const positions = await rig.record(...facts);
    progress.advance(positions.at(-1)!);
    return positions.at(-1)!;
  }

  it('is woken by rows that come, though it would not look for a long time', async () => {
    const patient: Clock = {
      ...quick,
      sleep: (ms, signal) => systemClock.sleep(ms < 1_000 ? 5 : 3_600_000, signal),
    };
    const { node } = start({ clock: patient });
    for (const [at, text] of ['one', 'two', 'three'].entries()) {
      await node.reached(await record(page(`p${at}`, text)), never);
      expect(await rig.found(text)).toEqual([`p${at}`]);
    }
  });

  it('makes the index of vectors when what was there is in', async () => {
    const position = await record(page('a', 'one'), page('b', 'two'));
    const { node } = start();
    await node.reached(position, never);
    const { sink } = await rig.generations.live();
    const indexes = () =>
      under.store.query(
        `SELECT FROM pg_indexes WHERE schemaname = $1 AND indexname = 'chunk_vector'`,
        [schemaOf(sink.generation)],
      );
    await until('it is there', async () => (await indexes()).length === 1);
    await node.reached(await record(page('c', 'three')), never);
    expect(await rig.found('three')).toEqual(['c']);
  });

  it('lets one of several nodes index, and tells all of them how far it is', async () => {
    const all = [start(), start(), start()];
    const position = await record(
      ...Array.from({ length: 40 }, (_, n) => page(`p${n}`, `text ${n}`)),
    );
    await Promise.all(all.map(({ node }) => node.reached(position, never)));
    const asked = all.map(({ model }) => model.asked.length);
    expect(asked.toSorted((a, b) => a - b)).toEqual([0, 0, 40]);
    expect(await rig.chunks()).toEqual(chunksAfter(rig.events));
  });

  it('goes on where a node ended between the model and the rows, and skips nothing', async () => {
    const first = start();
    first.model.hold();
    const position = await record(page('a', 'one'), page('b', 'two'));
    await until('the first node asks its model', () => first.model.calls > 0);
    const second = start();
    await first.node.stop();
    await second.node.reached(position, never);
    expect(second.model.asked.toSorted()).toEqual(['one', 'two']);
    expect(await rig.chunks()).toEqual(chunksAfter(rig.events));
  });

  it('waits with what a change leaves owed, and for as long as a model is away', async () => {
    const { node, model } = start();
    await node.reached(await record(page('a', 'one')), never);
    model.failure = 'EMBEDDER_UNAVAILABLE';
    const position = await record(entityUpdated({ id: 'a', properties: { text: 'two' } }));
    await until('it says why', () => node.failure);
    expect(node.failure).toMatchObject({ code: 'EMBEDDER_UNAVAILABLE' });
    const late = AbortSignal.timeout(50);
    await expect(node.reached(position, late)).rejects.toMatchObject({ name: 'TimeoutError' });
    await node.reached(1, never);
    model.failure = null;
    await node.reached(position, never);
    expect(node.failure).toBeNull();
    expect(await rig.found('two')).toEqual(['a']);
  });

  it('does not believe what it was told before the rows came', async () => {
    let ms = 0;
    const { node, model } = start({ clock: { ...quick, now: () => ms } });
    const first = await record(page('a', 'one'));
    await until('the first is in', async () => (await rig.standing()).pending === 0);
    await node.reached(first, never);
    const release = model.hold();
    const second = await record(page('b', 'two'));
    await expect(node.reached(second, AbortSignal.timeout(50))).rejects.toThrow();
    release();
    const reached = node.reached(second, never);
    await until('the second is in', async () => (await rig.standing()).pending === 0);
    ms = limits.indexAwaitMs;
    await reached;
  });

  it('does not take an index of another model for its own', async () => {
    const { node } = start({ model: new TamedEmbedder({ name: 'other' }) });
    const position = await record(page('a', 'one'));
    await expect(node.reached(position, AbortSignal.timeout(50))).rejects.toThrow();
    expect(await rig.standing()).toMatchObject({ pending: 1 });
  });

  it('outlives a store that fails', async () => {
    const { node, telemetry } = start();
    await node.reached(await record(page('a', 'one')), never);
    const { sink } = await rig.generations.live();
    const schema = schemaOf(sink.generation);
    await under.store.query(`ALTER TABLE ${schema}.document RENAME TO away`);
    const { error } = await telemetry.first('indexing-retried');
    expect(error).toMatchObject({ code: 'READ_STORE_UNAVAILABLE' });
    await under.store.query(`ALTER TABLE ${schema}.away RENAME TO document`);
    await node.reached(await record(page('b', 'two')), never);
  });
});
