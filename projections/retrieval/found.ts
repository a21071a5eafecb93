/**
 * What each leg found, folded into the entities that it stands for and fused into one order.
 *
 * Pure. A leg's order is of its passages; an entity has the place of its best one, counted in entities.
 */
import type { Passage } from '../embeddings/queries.ts';
import type { Explained } from './answer.ts';
import { fuse } from './fuse.ts';
import type { FoundByWords } from './words.ts';

export interface Found {
  readonly id: string;
  readonly score: number;
  readonly explained: Explained;
  /** The texts that were found by words, as the ids of their entities; best first. */
  readonly texts: readonly string[];
  /** The passages that were found by vectors; best first. */
  readonly passages: readonly Passage[];
}

/** `standsFor`: what a text counts for; what is not in it, is not there. Best first. */
export function foundIn(
  words: readonly FoundByWords[],
  passages: readonly Passage[],
  standsFor: ReadonlyMap<string, string>,
): readonly Found[] {
  const byWords = grouped(words, ({ id }) => standsFor.get(id));
  const byVectors = grouped(passages, ({ entityId }) => standsFor.get(entityId));
  const orders = [[...byWords.keys()], [...byVectors.keys()]];
  const [wordRanks, vectorRanks] = orders.map(
    (order) => new Map(order.map((id, at) => [id, at + 1])),
  );
  return fuse(orders).map(({ id, score }) => {
    const [word] = byWords.get(id) ?? [];
    const [passage] = byVectors.get(id) ?? [];
    return {
      id,
      score,
      explained: {
        ...(word && { words: { rank: wordRanks!.get(id)!, score: word.score } }),
        ...(passage && {
          vectors: { rank: vectorRanks!.get(id)!, similarity: passage.similarity },
        }),
      },
      texts: (byWords.get(id) ?? []).map((one) => one.id),
      passages: byVectors.get(id) ?? [],
    };
  });
}

/** In the order of each group's first; without what has no key. */
function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string | undefined) {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups as ReadonlyMap<string, readonly Item[]>;
}
