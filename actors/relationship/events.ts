/**
 * What can happen to a relationship, and how older versions of these facts are read.
 *
 * Stamps as in entity events. Presence of an end is a register of its own, ordered by the entity's
 * revision.
 */
import type { DomainEvent } from '#runtime';
import type { Delta, Properties } from '../register.ts';
import { versionsOf } from '../version.ts';
import type { RelationshipType } from './messages.ts';

/** What is written as one: the newest link says it whole. */
export interface RelationshipHead {
  readonly relationshipType: RelationshipType;
  readonly sourceEntityId: string;
  readonly targetEntityId: string;
  readonly metadata: { readonly confidence: string; readonly strength: number };
}

/** A source claims the relationship; it waits for both ends. */
export type RelationshipProposed = DomainEvent<
  'RelationshipProposed',
  {
    readonly head: RelationshipHead;
    readonly extractedAt: string;
    /** All properties it now has. */
    readonly properties: Properties;
    /** Those of them that older links said; the rest carries this event's stamp. */
    readonly held: readonly string[];
  }
>;
/** Something is known of an end: it exists, or it is gone. */
export type EndObserved = DomainEvent<
  'EndObserved',
  { readonly entityId: string; readonly present: boolean; readonly revision: number }
>;
/** Both ends exist: from here on it is an edge of the graph. Carries the whole edge. */
export type RelationshipActivated = DomainEvent<
  'RelationshipActivated',
  { readonly head: RelationshipHead; readonly properties: Properties }
>;
/** An end is gone; the edge is not shown until it is back. */
export type RelationshipSuspended = DomainEvent<
  'RelationshipSuspended',
  { readonly missing: readonly string[] }
>;

export interface RelationshipDelta extends Delta {
  readonly extractedAt: string;
  /** Present when this message is the newest word on it; its ends are those it had. */
  readonly head?: RelationshipHead;
}

/** Its properties or metadata have new values, in whatever state it is. */
export type RelationshipUpdated = DomainEvent<'RelationshipUpdated', RelationshipDelta>;
/** A source said again what is known; only the stamps moved. */
export type RelationshipConfirmed = DomainEvent<'RelationshipConfirmed', RelationshipDelta>;
/**
 * The relationship with these ends is over: unlinked, or retargeted, and then a RelationshipProposed
 * with the new ends follows in the same append.
 */
export type RelationshipRemoved = DomainEvent<
  'RelationshipRemoved',
  {
    readonly extractedAt: string;
    readonly reason: 'unlinked' | 'retargeted';
    /** Null where the removal came before any link. */
    readonly head: RelationshipHead | null;
  }
>;
/** An unlink older than the newest link came late: the link stays, what is older goes. */
export type UnlinkSuperseded = DomainEvent<
  'UnlinkSuperseded',
  { readonly extractedAt: string; readonly removed: readonly string[] }
>;

export type RelationshipEvent =
  | RelationshipProposed
  | EndObserved
  | RelationshipActivated
  | RelationshipSuspended
  | RelationshipUpdated
  | RelationshipConfirmed
  | RelationshipRemoved
  | UnlinkSuperseded;

/** By type, the steps from version 1 to today's; none has a second version yet. */
export const relationshipVersions = versionsOf<RelationshipEvent>({
  RelationshipProposed: [],
  EndObserved: [],
  RelationshipActivated: [],
  RelationshipSuspended: [],
  RelationshipUpdated: [],
  RelationshipConfirmed: [],
  RelationshipRemoved: [],
  UnlinkSuperseded: [],
});
