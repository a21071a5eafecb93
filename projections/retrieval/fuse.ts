/**
 * Several orders of the same entities made into one, by reciprocal rank: what counts is the place in
 * each order, never its score, so that no scale has to be compared with another.
 */
export interface Fused {
  readonly id: string;
  readonly score: number;
}

/** The usual constant: how little the first places differ, so that two orders outweigh one. */
const flatness = 60;

/** Each order has an entity once, best first. Best first; of one score by id. */
export function fuse(orders: readonly (readonly string[])[]): readonly Fused[] {
  const scores = new Map<string, number[]>();
  for (const order of orders) {
    order.forEach((id, at) => {
      const parts = scores.get(id) ?? [];
      scores.set(id, [...parts, 1 / (flatness + at + 1)]);
    });
  }
  return [...scores]
    .map(([id, parts]) => ({ id, score: sum(parts) }))
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
}

/** The same whatever the order of the parts: floating-point addition is not. */
function sum(parts: readonly number[]): number {
  return parts.toSorted((a, b) => a - b).reduce((total, part) => total + part, 0);
}
