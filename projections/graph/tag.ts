/**
 * What an answer about an entity depends on, and what changes of the entity invalidate: the same text on
 * both sides, and that of the specification's cache keys.
 */
export function entityTag(id: string): string {
  return `entity:${id}`;
}
