/**
 * The two sides of an entity's links, as a list of neighbours goes through them: outgoing, then
 * incoming, each by type and then by age. A link to itself is outgoing, and incoming only where nobody
 * asked for the other side.
 */
import { RuntimeError } from '#runtime';
import { keyOfCursor } from '../cursor.ts';
import type { NeighboursRequest } from './neighbours.ts';

export interface Side {
  readonly direction: 'out' | 'in';
  /** The column of the entity itself, and that of its neighbour. */
  readonly near: 'source_id' | 'target_id';
  readonly far: 'source_id' | 'target_id';
  /** Whether links to itself were shown on the other side. */
  readonly isWithoutLoops: boolean;
  /** The type and age of the last one shown, null where the side begins. */
  readonly after: readonly [type: string, since: number] | null;
}

/** The sides that a page has to look at, in order. Throws REQUEST_INVALID for a foreign cursor. */
export function sidesOf({ direction, cursor }: NeighboursRequest): readonly Side[] {
  const both = direction === 'both';
  const sides: Side[] = [];
  if (direction !== 'in') sides.push(sideOf('out', false));
  if (direction !== 'out') sides.push(sideOf('in', both));
  if (cursor === undefined) return sides;
  const [at, ...after] = keyOfCursor(cursor, ['text', 'text', 'integer']);
  const begun = sides.findIndex((side) => side.direction === at);
  if (begun < 0) throw new RuntimeError('REQUEST_INVALID', 'the cursor is not one of this list');
  return [{ ...sides[begun]!, after }, ...sides.slice(begun + 1)];
}

function sideOf(direction: Side['direction'], isWithoutLoops: boolean): Side {
  const [near, far] =
    direction === 'out'
      ? (['source_id', 'target_id'] as const)
      : (['target_id', 'source_id'] as const);
  return { direction, near, far, isWithoutLoops, after: null };
}
