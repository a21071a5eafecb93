/**
 * What can happen to an entity, and how older versions of these facts are read.
 *
 * Properties are last-writer-wins registers stamped (extractedAt, messageId); an event is written by
 * one message, so its `extractedAt` and its metadata's messageId are the stamp of all that it sets.
 */
import type { DomainEvent } from '#runtime';
import type { Delta, Properties } from '../register.ts';
import { versionsOf } from '../version.ts';
import type { EntitySource, EntityType } from './messages.ts';

/** What is written as one: the newest message says it whole. */
export interface EntityHead {
  readonly entityType: EntityType;
  readonly source: EntitySource;
  readonly metadata: { readonly confidence: string; readonly importance: string };
}

/** Whether the source said that it made the entity; only that brings a deleted one back. */
type Intent = 'create' | 'update';

/** Absent or deleted, the entity became active. */
export type EntityCreated = DomainEvent<
  'EntityCreated',
  {
    readonly head: EntityHead;
    readonly extractedAt: string;
    readonly intent: Intent;
    /** All properties it now has. */
    readonly properties: Properties;
    /** Those of them that newer, held updates had set before; the rest carries this event's stamp. */
    readonly held: readonly string[];
    /** Whether the head too is a newer, held update's. */
    readonly headHeld: boolean;
  }
>;

/** A null value says: known to be empty. */
export interface EntityDelta extends Delta {
  readonly extractedAt: string;
  readonly intent: Intent;
  /** Present when this message is the newest word on it. */
  readonly head?: EntityHead;
}

/** An active entity has new values. */
export type EntityUpdated = DomainEvent<'EntityUpdated', EntityDelta>;
/** A source said again what is known; only the stamps moved. `changed` is empty. */
export type EntityConfirmed = DomainEvent<'EntityConfirmed', EntityDelta>;
/** An update newer than the deletion came; it is kept should a newer create follow. */
export type EntityUpdateHeld = DomainEvent<'EntityUpdateHeld', EntityDelta>;
/** The entity is gone, with all properties not newer than the deletion. */
export type EntityDeleted = DomainEvent<'EntityDeleted', { readonly extractedAt: string }>;
/** A deletion older than the newest create came late: the entity stays, what is older goes. */
export type DeletionSuperseded = DomainEvent<
  'DeletionSuperseded',
  { readonly extractedAt: string; readonly removed: readonly string[] }
>;

export type EntityEvent =
  | EntityCreated
  | EntityUpdated
  | EntityConfirmed
  | EntityUpdateHeld
  | EntityDeleted
  | DeletionSuperseded;

/** By type, the steps from version 1 to today's; none has a second version yet. */
export const entityVersions = versionsOf<EntityEvent>({
  EntityCreated: [],
  EntityUpdated: [],
  EntityConfirmed: [],
  EntityUpdateHeld: [],
  EntityDeleted: [],
  DeletionSuperseded: [],
});
