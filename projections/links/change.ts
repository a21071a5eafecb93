/**
 * What the process manager remembers: who is linked to whom, and who exists.
 */
import type { RowChange } from '../effect.ts';

/** The event that a row comes from; a command that follows from it carries this on. */
export interface Cause {
  readonly recordedAt: string;
  readonly correlationId: string | null;
  readonly eventId: string;
}

/** A relationship that waits for its ends or has them; keyed by its id. */
export interface LinkRow extends Cause {
  readonly tenantId: string;
  readonly id: string;
  readonly sourceId: string;
  readonly targetId: string;
  /** Revision in its stream, and position, of the RelationshipProposed that says so. */
  readonly revision: number;
  readonly since: number;
}

/** The last that is known of an entity; keyed by its id. */
export interface PresenceRow extends Cause {
  readonly tenantId: string;
  readonly id: string;
  readonly present: boolean;
  /** Revision in its stream, and position, of the event that says so. */
  readonly revision: number;
  readonly position: number;
}

export type LinkChange =
  | { readonly of: 'link'; readonly change: RowChange<LinkRow> }
  | { readonly of: 'presence'; readonly change: RowChange<PresenceRow> };
