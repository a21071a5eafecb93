/**
 * The rows of the history: each a step that somebody took at a position, and that nothing undoes.
 *
 * What there was at a position follows from the last step up to it, so rows are only ever added. They
 * say who was there and who was linked to whom; how they looked then, the log says.
 */
import type { RelationshipType } from '#actors';
import type { RowChange } from '../effect.ts';

interface Step {
  readonly tenantId: string;
  /** The position in fixed width: no two steps share one. */
  readonly id: string;
  readonly position: number;
}

/** An entity came to be (again), or went. */
export interface PresenceStep extends Step {
  readonly entityId: string;
  readonly isPresent: boolean;
}

/** A relationship began to hold (again, or otherwise), or ceased to; then it has no ends. */
export interface LinkStep extends Step {
  readonly linkId: string;
  readonly isActive: boolean;
  readonly type: RelationshipType | null;
  readonly sourceId: string | null;
  readonly targetId: string | null;
}

export type HistoryChange =
  | { readonly of: 'presence'; readonly change: RowChange<PresenceStep> }
  | { readonly of: 'link'; readonly change: RowChange<LinkStep> };
