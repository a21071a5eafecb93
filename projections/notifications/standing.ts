/**
 * What must be known of an entity or a relationship to say what one more event changes: whether the graph
 * shows it, and as what. Events that remove or patch do not carry it.
 *
 *     hidden (null) ──EntityCreated, RelationshipActivated──▶ shown ──deleted, removed, suspended──▶ hidden
 *
 * A fold over one stream, by the rules of the graph: what it says is shown is a row there. Any stretch of
 * a stream that begins with an event of `decisive` ends in the same standing as the whole.
 */
import type { EntityEvent, EntityType, RelationshipEvent, RelationshipType } from '#actors';
import type { RecordedEvent } from '#runtime';

export interface ShownEntity {
  readonly entityType: EntityType;
}

export interface ShownRelationship {
  readonly relationshipType: RelationshipType;
  readonly sourceEntityId: string;
  readonly targetEntityId: string;
}

/** Null while the graph does not show it. */
export type Standing = ShownEntity | ShownRelationship | null;

/** Events after which it does not matter what was before. */
export const decisive: ReadonlySet<string> = new Set<(EntityEvent | RelationshipEvent)['type']>([
  'EntityCreated',
  'EntityDeleted',
  'RelationshipActivated',
  'RelationshipSuspended',
  'RelationshipRemoved',
]);

/** The standing after one more event of the stream. */
export function standingAfter(before: Standing, recorded: RecordedEvent): Standing {
  const event = recorded as RecordedEvent<EntityEvent | RelationshipEvent>;
  const data = event.data as never;
  switch (event.type) {
    case 'EntityCreated': {
      const { head }: DataOf<'EntityCreated'> = data;
      return { entityType: head.entityType };
    }
    case 'EntityUpdated': {
      const { head }: DataOf<'EntityUpdated'> = data;
      return head === undefined || before === null ? before : { entityType: head.entityType };
    }
    case 'RelationshipActivated': {
      const { head }: DataOf<'RelationshipActivated'> = data;
      const { relationshipType, sourceEntityId, targetEntityId } = head;
      return { relationshipType, sourceEntityId, targetEntityId };
    }
    case 'RelationshipUpdated': {
      const { head }: DataOf<'RelationshipUpdated'> = data;
      if (head === undefined || before === null) return before;
      return { ...(before as ShownRelationship), relationshipType: head.relationshipType };
    }
    case 'EntityDeleted':
    case 'RelationshipSuspended':
    case 'RelationshipRemoved':
      return null;
    default:
      return before;
  }
}

export type DataOf<Type extends (EntityEvent | RelationshipEvent)['type']> = Extract<
  EntityEvent | RelationshipEvent,
  { readonly type: Type }
>['data'];
