/** Tenants never meet in the graph (promise 9), and the same rows have one checksum everywhere. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphQueries, graphPlan, StoredGenerations } from '#projections';
import { addressOf, type ReadStore, RuntimeError } from '#runtime';
import { effort } from '#test/effort';
import { entityCreated, type Fact, linkActivated, recorded } from '#test/events';
import { anyHistory } from '#test/graph-model';
import { applyToGraph } from '#test/graph-store';
import { type StoreUnderTest, storeKinds } from '#test/read-stores';

const ids = ['a', 'b', 'c', 'd', 'e'];
const tenants = ['acme', 'acme.eu', 'ac'];
const id = fc.constantFrom(...ids);

/** Facts of one tenant, which carry its name in what can be seen. */
const factOf = (tenantId: string): fc.Arbitrary<Fact> =>
  fc.oneof(
    id.map((one) =>
      entityCreated({
        tenantId,
        id: one,
        properties: { title: `word ${one} of ${tenantId}` },
      }),
    ),
    fc.tuple(id, id).map(([from, to]) =>
      linkActivated({
        ...{ tenantId, id: `${from}${to}`, from, to },
        properties: { note: `of ${tenantId}` },
      }),
    ),
  );

const history = fc.array(fc.constantFrom(...tenants).chain(factOf), {
  minLength: 5,
  maxLength: 60,
});

/** Everything that a tenant can ask; what is refused counts as an answer. */
async function everything(graph: GraphQueries, tenantId: string, cursors: readonly string[]) {
  const limit = 2;
  const asked: Promise<unknown>[] = ids.flatMap((one) => [
    graph.entity(tenantId, one),
    graph.neighbours(tenantId, one, { direction: 'both', limit }),
    graph.neighbourhood(tenantId, one, 3),
    ...ids.map((other) => graph.path(tenantId, one, other)),
  ]);
  for (const place of [{}, ...cursors.map((cursor) => ({ cursor }))]) {
    asked.push(
      graph.entities(tenantId, { limit, ...place }),
      graph.search(tenantId, { q: 'word or of', limit, ...place }),
      graph.search(tenantId, { q: '-nowhere', limit, ...place }),
      graph.neighbours(tenantId, 'a', { direction: 'both', limit, ...place }),
    );
  }
  const outcomes = await Promise.allSettled(asked);
  return outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    expect(outcome.reason).toBeInstanceOf(RuntimeError);
    expect(['NOT_FOUND', 'REQUEST_INVALID']).toContain(outcome.reason.code);
    return outcome.reason.code;
  });
}

function cursorsIn(answers: readonly unknown[]): readonly string[] {
  const nexts = answers.map((answer) => (answer as { next?: string | null } | null)?.next);
  return nexts.filter((next) => typeof next === 'string');
}

for (const { name, make } of storeKinds) {
  describe(name, () => {
    let under: StoreUnderTest;
    beforeAll(async () => {
      under = await make();
    });
    afterAll(() => under.dispose());

    it('answers a tenant as if it were alone, even with cursors of others', async () => {
      const graph = new GraphQueries(under.store);
      await fc.assert(
        fc.asyncProperty(history, async (facts) => {
          const events = recorded(facts);
          await applyToGraph(under.store, events);
          const cursors: string[] = [];
          for (const tenantId of tenants) {
            const answers = await everything(graph, tenantId, []);
            cursors.push(...cursorsIn(answers).slice(0, 3));
          }
          const among: unknown[] = [];
          for (const tenantId of tenants) among.push(await everything(graph, tenantId, cursors));
          for (const [index, tenantId] of tenants.entries()) {
            const own = events.filter(({ stream }) => addressOf(stream).tenantId === tenantId);
            await applyToGraph(under.store, own);
            expect(await everything(graph, tenantId, cursors)).toEqual(among[index]);
          }
        }),
        { numRuns: effort(2, 4) },
      );
    });
  });
}

describe('a checksum', () => {
  const stores: StoreUnderTest[] = [];
  beforeAll(async () => {
    for (const { make } of storeKinds) stores.push(await make());
  });
  afterAll(async () => {
    for (const store of stores) await store.dispose();
  });

  it(`is the same on ${storeKinds.map(({ name }) => name).join(' and ')}`, async () => {
    const digest = async (store: ReadStore) =>
      (await new StoredGenerations(store, graphPlan).live()).sink.checksum();
    await fc.assert(
      fc.asyncProperty(anyHistory, async (events) => {
        const digests: unknown[] = [];
        for (const { store } of stores) {
          await applyToGraph(store, events);
          digests.push(await digest(store));
        }
        expect(digests).toEqual(digests.map(() => digests[0]));
      }),
      { numRuns: effort(6, 20) },
    );
  });
});
