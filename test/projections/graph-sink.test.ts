/** The graph's generations keep their promises in memory, on PGlite and on PostgreSQL. */
import { MemoryGraph } from '#adapters/memory';
import { type GraphChange, graphPlan, graphProjection, StoredGenerations } from '#projections';
import type { RecordedEvent } from '#runtime';
import { sorted } from '#test/graph-model';
import { graphRows } from '#test/graph-rows';
import { chosenKinds, empty, type StoreKind } from '#test/read-stores';
import { describeSinks, type SinksUnderTest } from '../contracts/sink.ts';

const changesOf = (events: readonly RecordedEvent[]) =>
  events.flatMap((event) => graphProjection.project(event));

async function inMemory(): Promise<SinksUnderTest> {
  let graph = new MemoryGraph();
  return {
    clear: async () => {
      graph = new MemoryGraph();
    },
    generations: async () => graph,
    restart: async () => graph,
    rows: async () => sorted({ nodes: graph.nodes(), edges: graph.edges() }),
    poison: (events) => [...changesOf(events), null as unknown as GraphChange],
    dispose: async () => undefined,
  };
}

async function stored({ make }: StoreKind): Promise<SinksUnderTest> {
  const under = await make();
  let { store } = under;
  const generations = async () => new StoredGenerations(store, graphPlan);
  return {
    clear: () => empty(store),
    generations,
    restart: async () => {
      await store.close();
      store = await under.reopen();
      return generations();
    },
    rows: () => graphRows(store),
    // The revision is no number; rows before it are in the same statement or one before.
    poison: (events) => {
      const bad = { kind: 'put', row: { tenantId: 'acme', id: 'bad', revision: 'x' } };
      return [...changesOf(events), { of: 'edge', change: bad } as unknown as GraphChange];
    },
    dispose: under.dispose,
  };
}

describeSinks('memory', inMemory);
for (const kind of chosenKinds) describeSinks(kind.name, () => stored(kind));
