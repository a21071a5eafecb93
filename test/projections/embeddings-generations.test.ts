/** A rebuild of the index asks the model for nothing it has, and a change of model is a rebuild. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openPostgres } from '#adapters/postgres';
import { ensurePgvector } from '#projections';
import { type ReadStore, RuntimeError } from '#runtime';
import { entityCreated, entityUpdated } from '#test/events';
import { changesOf, chunksAfter, IndexRig, schemaOf } from '#test/index-rig';
import { createDatabase, hasVectors } from '#test/postgres';
import { type StoreUnderTest, vectorKinds } from '#test/read-stores';
import { TamedEmbedder } from '#test/tamed-embedder';
import { until } from '#test/until';

const page = (id: string, text: string) => entityCreated({ id, properties: { text } });
const never = new AbortController().signal;

describe.each(vectorKinds)('generations of the index on $name', ({ make }) => {
  let under: StoreUnderTest;
  let rig: IndexRig;
  beforeAll(async () => {
    under = await make();
  });
  afterAll(() => under.dispose());
  beforeEach(async () => {
    rig = await IndexRig.over(under.store);
    await rig.record(page('a', 'refunds fail'), page('b', 'the summer party'));
    await rig.settle();
  });

  /** What a rebuild does up to the change; nothing comes meanwhile. */
  async function built(by: IndexRig, signal: AbortSignal = never) {
    const sink = await by.generations.begin(rig.history.head);
    await replay(by, sink);
    await by.generations.complete(sink, signal);
    return sink;
  }

  async function replay(by: IndexRig, sink: Awaited<ReturnType<typeof by.generations.begin>>) {
    const from = await sink.position();
    const events = rig.events.filter(({ position }) => position > from);
    const to = rig.events.at(-1)!.position;
    if (to > from) await sink.apply({ changes: changesOf(events), from, to });
  }

  /** Another node, or this one after a restart, with a model of its own. */
  function node(name = 'tamed', dimensions = 256): IndexRig {
    return new IndexRig(under.store, { embedder: new TamedEmbedder({ name, dimensions }) });
  }

  it('are complete with all chunks, whose vectors come from the live one', async () => {
    const asked = rig.embedder.asked.length;
    await rig.generations.promote(await built(rig));
    expect(rig.embedder.asked).toHaveLength(asked);
    expect(await rig.chunks()).toEqual(chunksAfter(rig.events));
    expect(await rig.standing()).toMatchObject({ state: 'ready', position: 2, pending: 0 });
    expect(await rig.found('refunds')).toEqual(['a']);
    const { sink } = await rig.generations.live();
    const indexes = await under.store.query(
      `SELECT FROM pg_indexes WHERE schemaname = $1 AND indexname = 'chunk_vector'`,
      [schemaOf(sink.generation)],
    );
    expect(indexes).toHaveLength(1);
  });

  it('owe after the change what came between, and say so until it is in', async () => {
    const sink = await built(rig);
    await rig.record(entityUpdated({ id: 'a', properties: { text: 'gift cards' } }));
    await rig.record(page('c', 'lunch'));
    await replay(rig, sink);
    await rig.generations.promote(sink);
    expect(await rig.standing()).toMatchObject({ position: 2, pending: 2 });
    expect(await rig.found('refunds')).toEqual([]);
    await rig.settle();
    expect(await rig.standing()).toMatchObject({ position: 4, pending: 0 });
    expect(await rig.chunks()).toEqual(chunksAfter(rig.events));
  });

  it('wait for a model that is away, while the live one serves and goes on', async () => {
    await rig.record(page('c', 'new text'));
    rig.embedder.failure = 'EMBEDDER_UNAVAILABLE';
    const completed = built(rig);
    await rig.telemetry.first('indexing-retried', ({ attempt }) => attempt > 2);
    expect(await rig.found('refunds')).toEqual(['a']);
    expect(await rig.standing()).toMatchObject({ state: 'ready', position: 2 });
    rig.embedder.failure = null;
    await rig.generations.promote(await completed);
    expect(await rig.standing()).toMatchObject({ position: 3, pending: 0 });
  });

  it('stop waiting when they are told to, and are gone on with', async () => {
    await rig.record(page('c', 'new text'));
    const { calls } = rig.embedder;
    const release = rig.embedder.hold();
    const abort = new AbortController();
    const sink = await rig.generations.begin(3);
    await replay(rig, sink);
    const completed = rig.generations.complete(sink, abort.signal);
    await until('the model is asked', () => rig.embedder.calls > calls);
    abort.abort(new Error('stopped'));
    await expect(completed).rejects.toThrow('stopped');
    await rig.generations.leave(sink);
    release();
    const after = node();
    const again = await after.generations.begin(3);
    expect(await again.position()).toBe(3);
    await after.generations.complete(again, never);
    expect(after.embedder.asked).toEqual(['new text']);
    await after.generations.promote(again);
    expect(await rig.chunks()).toEqual(chunksAfter(rig.events));
  });

  it('of another model are outdated: search does without them until the new one is there', async () => {
    const after = node('better', 128);
    expect(await after.generations.live()).toMatchObject({ version: 0 });
    expect(await after.standing()).toMatchObject({
      state: 'rebuilding',
      model: { name: 'tamed', dimensions: 256 },
    });
    await after.generations.promote(await built(after));
    expect(after.embedder.asked).toHaveLength(2);
    expect(await after.generations.live()).toMatchObject({ version: 1 });
    expect(await after.standing()).toMatchObject({ state: 'ready', model: after.embedder.model });
    expect(await after.found('refunds')).toEqual(['a']);
  });

  it('of another model are neither gone on with nor switched back to', async () => {
    const left = await built(rig);
    await rig.generations.leave(left);
    const after = node('better', 128);
    const sink = await after.generations.begin(2);
    expect(await sink.position()).toBe(0);
    await replay(after, sink);
    await after.generations.complete(sink, never);
    await after.generations.promote(sink, { keepsOld: true });
    await expect(after.generations.kept()).rejects.toMatchObject({ code: 'PROJECTION_OUTDATED' });
    const before = node();
    await before.generations.live();
    const kept = await before.generations.kept();
    await before.generations.promote(kept!);
    expect(await rig.found('refunds')).toEqual(['a']);
  });

  it('are let go where the store fails before it is known whose vectors they have', async () => {
    let isAway = false;
    const failing = new Proxy(under.store, {
      get: (store, name: keyof ReadStore) => {
        const own = store[name].bind(store) as (...given: unknown[]) => unknown;
        if (name !== 'query') return own;
        return async (sql: string, ...rest: unknown[]) => {
          if (isAway && sql.includes('.model'))
            throw new RuntimeError('READ_STORE_UNAVAILABLE', 'away');
          return own(sql, ...rest);
        };
      },
    });
    const { generations } = new IndexRig(failing);
    isAway = true;
    await expect(generations.begin()).rejects.toMatchObject({ code: 'READ_STORE_UNAVAILABLE' });
    isAway = false;
    await generations.discard(await generations.begin());
  });

  it('are not rebuilt against another node, which has another model', async () => {
    const other = node('better');
    await other.generations.live();
    await other.generations.promote(await built(other));
    await expect(rig.generations.live()).rejects.toMatchObject({ code: 'EMBEDDER_MISMATCH' });
    expect(await other.generations.live()).toMatchObject({ version: 1 });
  });
});

describe('a PostgreSQL', () => {
  const answering = (version: string) =>
    ensurePgvector({ query: async () => [{ version }] } as unknown as ReadStore);

  it('must have pgvector 0.8 or newer', async () => {
    for (const version of ['0.8.0', '0.8.7', '0.10.0', '1.0.0']) await answering(version);
    for (const version of ['0.7.4', '0.5', '0']) {
      await expect(answering(version)).rejects.toMatchObject({ code: 'VECTORS_UNSUPPORTED' });
    }
  });

  it.runIf(hasVectors)(
    'that does not let us make the extension is told as one without',
    async () => {
      const database = await createDatabase();
      const role = new URL(database.url).pathname.slice(1);
      const owner = openPostgres({ url: database.url });
      await owner.query(`CREATE ROLE ${role} LOGIN`);
      const store = openPostgres({ url: database.url.replace('postgres@', `${role}@`) });
      await expect(ensurePgvector(store)).rejects.toMatchObject({ code: 'VECTORS_UNSUPPORTED' });
      await owner.query('CREATE EXTENSION vector');
      await ensurePgvector(store);
      await store.close();
      await owner.query(`DROP ROLE ${role}`);
      await owner.close();
      await database.drop();
    },
  );

  it.runIf(hasVectors)('gets the extension once, however many nodes start at a time', async () => {
    const database = await createDatabase();
    const stores = Array.from({ length: 4 }, () => openPostgres({ url: database.url }));
    await Promise.all(stores.map((store) => ensurePgvector(store)));
    for (const store of stores) await store.close();
    await database.drop();
  });
});
