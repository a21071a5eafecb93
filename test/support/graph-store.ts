/** A graph made of facts, for suites that ask it. */
import { graphPlan, graphProjection, StoredGenerations } from '#projections';
import type { ReadStore, RecordedEvent } from '#runtime';
import { type Fact, recorded } from './events.ts';
import { empty } from './read-stores.ts';

/** Empties the store and applies the facts to its live graph. */
export async function fillGraph(store: ReadStore, facts: readonly Fact[]): Promise<void> {
  await applyToGraph(store, recorded(facts));
}

export async function applyToGraph(
  store: ReadStore,
  events: readonly RecordedEvent[],
): Promise<void> {
  await empty(store);
  const { sink } = await new StoredGenerations(store, graphPlan).live();
  const changes = events.flatMap((event) => graphProjection.project(event));
  await sink.apply({ changes, from: 0, to: events.at(-1)?.position ?? 0 });
}
