/** The bounds of the graph's questions, on graphs that reach them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphQueries } from '#projections';
import { limits, type ReadStore } from '#runtime';
import { entityCreated, type Fact, linkActivated } from '#test/events';
import { fillGraph } from '#test/graph-store';
import { type StoreUnderTest, storeKinds } from '#test/read-stores';

/** `count` links from a hub to as many leaves, all new. */
function star(hub: string, count: number): readonly Fact[] {
  const leaves = Array.from({ length: count }, (_, n) => `${hub}-leaf-${n}`);
  return [
    entityCreated({ id: hub }),
    ...leaves.map((id) => entityCreated({ id })),
    ...leaves.map((id) => linkActivated({ id: `${hub}>${id}`, from: hub, to: id })),
  ];
}

function chain(name: string, length: number): readonly Fact[] {
  const ids = Array.from({ length: length + 1 }, (_, n) => `${name}-${n}`);
  return [
    ...ids.map((id) => entityCreated({ id })),
    ...ids.slice(1).map((id, n) => linkActivated({ id, from: ids[n]!, to: id })),
  ];
}

for (const { name, make } of storeKinds) {
  describe(name, () => {
    let under: StoreUnderTest;
    let store: ReadStore;
    let graph: GraphQueries;
    const wide = limits.pathVisitedMax / 2 + 10;
    beforeAll(async () => {
      under = await make();
      store = under.store;
      graph = new GraphQueries(store);
      const parallel = Array.from({ length: limits.neighbourhoodEdgesMax + 1 }, (_, n) =>
        linkActivated({ id: `parallel-${n}`, from: 'short-0', to: 'short-1' }),
      );
      await fillGraph(store, [
        ...star('sun', wide),
        ...star('moon', wide),
        ...chain('long', limits.pathLengthMax + 1),
        ...chain('short', 1),
        ...parallel,
      ]);
    });
    afterAll(() => under.dispose());

    it('cuts a neighbourhood at its most nodes, and says so', async () => {
      const around = await graph.neighbourhood('acme', 'sun', 1);
      expect(around.nodes).toHaveLength(limits.neighbourhoodNodesMax);
      expect(around.edges).toHaveLength(limits.neighbourhoodNodesMax - 1);
      expect(around.truncated).toBe(true);
      expect(await graph.neighbourhood('acme', 'sun', 1)).toEqual(around);
    });

    it('cuts a neighbourhood at its most edges, and says so', async () => {
      const around = await graph.neighbourhood('acme', 'short-0', 1);
      expect(around.nodes).toHaveLength(2);
      expect(around.edges).toHaveLength(limits.neighbourhoodEdgesMax);
      expect(around.truncated).toBe(true);
    });

    it('gives up a path that would visit too much', async () => {
      await expect(graph.path('acme', 'sun-leaf-1', 'moon-leaf-1')).rejects.toMatchObject({
        code: 'QUERY_TOO_LARGE',
      });
    });

    it('finds a path through a hub', async () => {
      expect(await graph.path('acme', 'sun-leaf-1', 'sun-leaf-2')).toMatchObject({ length: 2 });
    });

    it('finds paths up to the longest and no longer', async () => {
      const last = limits.pathLengthMax;
      expect(await graph.path('acme', 'long-0', `long-${last}`)).toMatchObject({ length: last });
      expect(await graph.path('acme', 'long-0', `long-${last + 1}`)).toBeNull();
    });

    it('pages through a hub without a gap or a repeat', async () => {
      const seen = new Set<string>();
      const limit = limits.pageItemsMax;
      for (let cursor: string | null = ''; cursor !== null && seen.size < 1_000; ) {
        const place: { cursor?: string } = cursor === '' ? {} : { cursor };
        const page = await graph.neighbours('acme', 'sun', { direction: 'both', limit, ...place });
        for (const { entity } of page.items) seen.add(entity.id);
        cursor = page.next;
      }
      expect([...seen]).toEqual(Array.from({ length: 1_000 }, (_, n) => `sun-leaf-${n}`));
    });
  });
}
