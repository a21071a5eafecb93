/** The index has what the documents say now: nothing old, nothing foreign, nothing twice, nothing left out. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '#runtime';
import { effort } from '#test/effort';
import {
  deletionSuperseded,
  entityCreated,
  entityDeleted,
  entityUpdated,
  type Fact,
  recorded,
} from '#test/events';
import { anyFact } from '#test/graph-model';
import { changesOf, chunksAfter, IndexRig, type StoredChunk, schemaOf } from '#test/index-rig';
import { chosenVectorKinds, type StoreUnderTest, vectorKinds } from '#test/read-stores';

const page = (id: string, text: string, more: object = {}) =>
  entityCreated({ id, type: 'DOCUMENT', properties: { text, ...more } });

/** Text of so many chunks. */
const longText = (chunks: number, word = 'lorem') =>
  Array.from({ length: chunks }, (_, n) => `${word} number${n} ${'ipsum '.repeat(180)}`).join('\n');

describe.each(vectorKinds)('the index on $name', ({ make }) => {
  let under: StoreUnderTest;
  beforeAll(async () => {
    under = await make();
  });
  afterAll(() => under.dispose());
  const open = () => IndexRig.over(under.store);

  it('finds a text under its words from the round after it came', async () => {
    const rig = await open();
    await rig.record(page('a', 'refunds fail for gift cards'), page('b', 'the summer party'));
    expect(await rig.found('gift card refunds')).toEqual([]);
    await rig.settle();
    expect(await rig.found('gift card refunds')).toEqual(['a']);
    expect(await rig.nearest('gift card refunds')).toMatchObject([
      { chunkId: 'a#0', entityId: 'a', position: 1, text: 'refunds fail for gift cards' },
      { chunkId: 'b#0', entityId: 'b', position: 2 },
    ]);
  });

  it('does not find a text under its old words once it has changed, indexed or not', async () => {
    const rig = await open();
    await rig.record(page('a', 'refunds fail for gift cards'));
    await rig.settle();
    await rig.record(entityUpdated({ id: 'a', properties: { text: 'the summer party' } }));
    expect(await rig.nearest('gift card refunds')).toEqual([]);
    await rig.settle();
    expect(await rig.found('gift card refunds')).toEqual([]);
    expect(await rig.found('summer party')).toEqual(['a']);
  });

  it('never finds what was deleted, and forgets its text', async () => {
    const rig = await open();
    await rig.record(page('a', 'refunds fail for gift cards'));
    await rig.settle();
    await rig.record(entityDeleted({ id: 'a' }));
    expect(await rig.nearest('gift card refunds')).toEqual([]);
    expect(await rig.chunk('a#0')).toBeNull();
    await rig.settle();
    expect(await rig.chunks()).toEqual([]);
    await rig.record(page('a', 'back again'));
    await rig.settle();
    expect(await rig.found('back again')).toEqual(['a']);
  });

  it('never finds what the graph does not have', async () => {
    const rig = await open();
    await rig.record(page('a', 'refunds fail'), page('b', 'refunds work'));
    await rig.settle();
    // As if the graph were a batch ahead of the index.
    const [{ number }] = (await under.store.query<{ number: number }>(
      `SELECT number FROM cognisync.generation WHERE projection = 'graph' AND is_live`,
    )) as [{ number: number }];
    await under.store.query(`DELETE FROM graph_${number}.node WHERE id = 'a'`);
    expect(await rig.found('refunds fail')).toEqual(['b']);
  });

  it('never finds what is another tenant’s, nor takes a vector from it', async () => {
    const rig = await open();
    const properties = { text: 'refunds fail for gift cards' };
    await rig.record(entityCreated({ tenantId: 'acme', id: 'a', properties }));
    await rig.record(entityCreated({ tenantId: 'zeta', id: 'a', properties: { text: 'lunch' } }));
    await rig.settle();
    expect(await rig.nearest('gift cards', 'zeta')).toMatchObject([{ text: 'lunch' }]);
    expect(await rig.nearest('gift cards', 'acme')).toMatchObject([{ text: properties.text }]);
    expect(await rig.nearest('gift cards', 'acme', 'true')).toHaveLength(1);
    expect(await rig.nearest('gift cards', 'omega')).toEqual([]);
    await rig.record(entityCreated({ tenantId: 'zeta', id: 'b', properties }));
    await rig.settle();
    expect(rig.embedder.asked).toHaveLength(3);
    expect(await rig.chunk('b#0', 'acme')).toBeNull();
  });

  it('finds only what a filter on the graph lets through', async () => {
    const rig = await open();
    await rig.record(
      page('a', 'refunds fail', { status: 'open' }),
      page('b', 'refunds fail too', { status: 'done' }),
    );
    await rig.settle();
    const found = await rig.nearest('refunds fail', 'acme', `n.properties->>'status' = 'done'`);
    expect(found.map(({ entityId }) => entityId)).toEqual(['b']);
  });

  it('leaves alone what says nothing new about the text', async () => {
    const rig = await open();
    await rig.record(page('a', 'refunds fail', { assignee: 'ada' }));
    await rig.settle();
    await rig.record(
      entityUpdated({ id: 'a', isHead: true, properties: { assignee: 'bob' } }),
      deletionSuperseded({ id: 'a', removed: ['assignee'] }),
    );
    expect(await rig.standing()).toMatchObject({ pending: 0, position: 3 });
    expect(await rig.nearest('refunds')).toMatchObject([{ entityId: 'a', position: 1 }]);
    expect(rig.embedder.asked).toHaveLength(1);
  });

  it('asks the model for no text that it has: edits, copies and a status cost what is new', async () => {
    const rig = await open();
    const { embedder } = rig;
    const asked = async (...facts: readonly Fact[]) => {
      const before = embedder.asked.length;
      await rig.record(...facts);
      await rig.settle();
      expect(await rig.chunks()).toEqual(chunksAfter(rig.events));
      return embedder.asked.length - before;
    };
    const text = longText(8);
    const edited = `new words\n${text}`;
    expect(await asked(page('a', text))).toBeGreaterThanOrEqual(8);
    expect(await asked(entityUpdated({ id: 'a', properties: { text: edited } }))).toBeLessThan(3);
    expect(await asked(page('b', edited))).toBe(0);
    expect(await asked(entityUpdated({ id: 'a', properties: { status: 'x' } }))).toBe(1);
    expect(await asked(entityDeleted({ id: 'b' }), page('c', edited))).toBe(0);
  });

  it('writes no chunk again that stays as it is', async () => {
    const rig = await open();
    const { sink } = await rig.generations.live();
    const places = () =>
      under.store.query(
        `SELECT id, ctid::text AS place FROM ${schemaOf(sink.generation)}.chunk ORDER BY ord`,
      );
    await rig.record(page('a', longText(6)));
    await rig.settle();
    const before = await places();
    await rig.record(entityUpdated({ id: 'a', properties: { status: 'done' } }));
    expect(await rig.nearest('number5')).toEqual([]);
    await rig.settle();
    expect((await places()).slice(1)).toEqual(before.slice(1));
    expect((await places())[0]).not.toEqual(before[0]);
    expect(await rig.nearest('number5')).toContainEqual(
      expect.objectContaining({ chunkId: 'a#5', position: 2 }),
    );
  });

  it('says how far it is: before the first change that its chunks have not followed', async () => {
    const rig = await open();
    expect(await rig.standing()).toMatchObject({ state: 'ready', position: 0, pending: 0 });
    await rig.record(page('a', 'one'), page('b', 'two'));
    await rig.settle();
    expect(await rig.standing()).toMatchObject({ position: 2, pending: 0 });
    await rig.record(entityUpdated({ id: 'b', properties: { text: 'three' } }));
    await rig.record(page('c', 'four'), entityUpdated({ id: 'b', properties: { text: 'five' } }));
    expect(await rig.standing()).toMatchObject({ position: 2, pending: 2 });
    await rig.settle();
    expect(await rig.standing()).toMatchObject({ position: 5, pending: 0 });
    expect(await rig.standing(9)).toMatchObject({ position: 9 });
  });

  it('counts from the first of several changes in one batch', async () => {
    const rig = await open();
    const edit = (text: string) => entityUpdated({ id: 'a', properties: { text } });
    await rig.record(page('a', 'one'), page('b', 'two'));
    await rig.settle();
    await rig.record(edit('three'), page('c', 'x'), edit('four'));
    expect(await rig.standing()).toMatchObject({ position: 2 });
  });

  it('is held up by no deletion that its chunks have not followed: it shows at once', async () => {
    const rig = await open();
    await rig.record(page('a', 'one'));
    await rig.record(entityDeleted({ id: 'a' }));
    expect(await rig.standing()).toMatchObject({ position: 2, pending: 0 });
  });

  it('isolates a text that the model refuses; its document says so, and all else is found', async () => {
    const rig = await open();
    rig.embedder.refuses = (text) => text.includes('poison');
    await rig.record(
      ...Array.from({ length: 9 }, (_, n) => page(`p${n}`, `harmless text number ${n}`)),
      page('bad', 'poison'),
      page('half', `${longText(2)}\npoison ${'x '.repeat(500)}`),
    );
    await rig.settle();
    expect(await rig.standing()).toMatchObject({ pending: 0, failed: 2, position: 11 });
    expect((await rig.chunks()).filter(({ id }) => id.startsWith('p'))).toHaveLength(9);
    expect((await rig.chunks()).filter(({ id }) => id.startsWith('half#')).length).toBeGreaterThan(
      1,
    );
    const failures = await under.store.query(
      `SELECT id, failure FROM embeddings.document WHERE failure IS NOT NULL ORDER BY id`,
    );
    expect(failures[0]).toMatchObject({ id: 'bad', failure: 'TEXT_UNEMBEDDABLE: 1 of 1 passages' });
    await rig.record(entityUpdated({ id: 'bad', properties: { text: 'antidote' } }));
    await rig.settle();
    expect(await rig.standing()).toMatchObject({ failed: 1 });
  });

  it('blames no text where the model refuses whatever it is asked', async () => {
    const rig = await open();
    rig.embedder.refuses = () => true;
    await rig.record(page('a', 'one'), page('b', 'two'));
    await rig.round();
    expect(rig.filler.failure).toMatchObject({ code: 'EMBEDDER_REFUSED' });
    expect(await rig.standing()).toMatchObject({ pending: 2, failed: 0 });
    rig.embedder.refuses = () => false;
    await rig.settle();
    expect(rig.filler.failure).toBeNull();
    expect(await rig.standing()).toMatchObject({ pending: 0, failed: 0 });
  });

  it.each(['EMBEDDER_UNAVAILABLE', 'EMBEDDER_REFUSED', 'EMBEDDER_MISMATCH'] as const)(
    'skips nothing while the model fails with %s, and lets in what needs none',
    async (code) => {
      const rig = await open();
      await rig.record(page('a', 'known text'));
      await rig.settle();
      rig.embedder.failure = code;
      await rig.record(page('b', 'new text'), page('c', 'known text'), entityCreated({ id: 'd' }));
      for (let n = 0; n < 3; n++) expect(await rig.round()).toBeGreaterThan(0);
      expect(rig.telemetry.all('indexing-retried').map(({ attempt }) => attempt)).toEqual([
        1, 2, 3,
      ]);
      expect(rig.filler.failure).toMatchObject({ code });
      expect(await rig.standing()).toMatchObject({ position: 1, pending: 1 });
      expect(await rig.found('known text')).toEqual(['a', 'c']);
      rig.embedder.failure = null;
      await rig.settle();
      expect(await rig.chunks()).toEqual(chunksAfter(rig.events));
    },
  );

  it('takes nothing from an indexer that another has overtaken', async () => {
    const rig = await open();
    await rig.record(page('a', 'old words'));
    await during(rig, async () => {
      await rig.record(entityUpdated({ id: 'a', properties: { text: 'new words' } }));
      const other = new IndexRig(under.store);
      await other.settle();
      expect(await other.standing()).toMatchObject({ position: 2, pending: 0 });
    });
    expect(await rig.standing()).toMatchObject({ position: 2, pending: 0 });
    expect(await rig.nearest('new words')).toMatchObject([{ text: 'new words', position: 2 }]);
  });
});

describe.each(chosenVectorKinds)('the index on $name, at length,', ({ make }) => {
  let under: StoreUnderTest;
  beforeAll(async () => {
    under = await make();
  });
  afterAll(() => under.dispose());
  const open = () => IndexRig.over(under.store);

  it('says of a document that is too long for the index what it leaves out', async () => {
    const rig = await open();
    const text = Array.from({ length: 600 }, (_, n) => `${n} ${'x'.repeat(900)}`).join('\n');
    await rig.record(page('a', text));
    await rig.settle();
    expect(await rig.chunks()).toHaveLength(limits.chunksMax);
    const [row] = await under.store.query('SELECT failure FROM embeddings.document');
    expect(row!.failure).toMatch(/^\d+ passages are beyond the first 512$/);
  });

  it('has exactly the chunks of its documents, whatever came while it was indexed', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.array(anyFact, { minLength: 1, maxLength: 8 }) },
      { weight: 2, arbitrary: fc.constant('round' as const) },
      // A batch comes, or the indexer dies, between the model's answer and the rows.
      {
        weight: 1,
        arbitrary: fc.array(anyFact, { minLength: 1, maxLength: 4 }).map((during) => ({ during })),
      },
      { weight: 1, arbitrary: fc.constant('crash' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
        const rig = await open();
        const record = (facts: readonly Fact[]) =>
          rig.record(...(JSON.parse(JSON.stringify(facts)) as Fact[]));
        for (const one of steps) {
          if (one === 'round') await rig.round();
          else if (one === 'crash') await crash(rig);
          else if ('during' in one) await during(rig, () => record(one.during));
          else await record(one);
          const current = chunksAfter(rig.events);
          const visible = await under.store.query<StoredChunk>(
            'SELECT tenant_id AS "tenantId", id, text, position FROM embeddings.chunk',
          );
          for (const { tenantId, id, text, position } of visible) {
            expect(current).toContainEqual(
              expect.objectContaining({ tenantId, id, text, position }),
            );
          }
        }
        await rig.settle();
        expect(await rig.chunks()).toEqual(chunksAfter(rig.events));
        expect(await rig.standing()).toMatchObject({ pending: 0, position: rig.history.head });
      }),
      { numRuns: effort(8, 100) },
    );
  });

  it('replays to the same documents, byte for byte, indexed or not', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyFact, { minLength: 1, maxLength: 30 }), async (facts) => {
        const rig = await open();
        const events = recorded(JSON.parse(JSON.stringify(facts)) as Fact[]);
        for (const event of events) await rig.apply([event]);
        await rig.round();
        const built = await rig.generations.begin();
        await built.apply({ changes: changesOf(events), from: 0, to: events.at(-1)!.position });
        const { sink } = await rig.generations.live();
        expect(await built.checksum()).toEqual(await sink.checksum());
        await rig.generations.discard(built);
      }),
      { numRuns: effort(4, 40) },
    );
  });
});

/** A round whose process ends when the model has been asked. */
async function crash(rig: IndexRig): Promise<void> {
  const release = rig.embedder.hold();
  const abort = new AbortController();
  const round = rig.round(abort.signal);
  abort.abort(new Error('killed'));
  await round.catch(() => undefined);
  release();
}

/** A round in which something comes between the documents and their chunks. */
async function during(rig: IndexRig, work: () => Promise<unknown>): Promise<void> {
  const release = rig.embedder.hold();
  const calls = rig.embedder.calls;
  const round = rig.round();
  let isOver = false;
  void round.then(() => {
    isOver = true;
  });
  while (rig.embedder.calls === calls && !isOver) await new Promise((go) => setImmediate(go));
  await work();
  release();
  await round;
}
