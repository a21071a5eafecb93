/**
 * Events to what the process manager remembers. A retarget is RelationshipRemoved and then
 * RelationshipProposed in one append, so the last word on a relationship names its ends.
 */
import type { RelationshipProposed } from '#actors';
import { addressOf, type Projection, type RecordedEvent } from '#runtime';
import type { Cause, LinkChange } from './change.ts';

export const linksProjection: Projection<LinkChange> = {
  name: 'links',
  version: 1,
  filter: {
    categories: ['entity', 'relationship'],
    types: ['RelationshipProposed', 'RelationshipRemoved', 'EntityCreated', 'EntityDeleted'],
  },
  project(event) {
    switch (event.type) {
      case 'RelationshipProposed':
        return [proposed(event as RecordedEvent<RelationshipProposed>)];
      case 'RelationshipRemoved':
        return [{ of: 'link', change: { kind: 'drop', ...keyOf(event) } }];
      case 'EntityCreated':
        return [presence(event, true)];
      case 'EntityDeleted':
        return [presence(event, false)];
      default:
        return [];
    }
  },
};

function proposed(event: RecordedEvent<RelationshipProposed>): LinkChange {
  const { sourceEntityId: sourceId, targetEntityId: targetId } = event.data.head;
  const { revision, position: since } = event;
  const row = { ...keyOf(event), ...causeOf(event), sourceId, targetId, revision, since };
  return { of: 'link', change: { kind: 'put', row } };
}

function presence(event: RecordedEvent, present: boolean): LinkChange {
  const { revision, position } = event;
  const row = { ...keyOf(event), ...causeOf(event), present, revision, position };
  return { of: 'presence', change: { kind: 'put', row } };
}

function keyOf(event: RecordedEvent): { readonly tenantId: string; readonly id: string } {
  const { tenantId, id } = addressOf(event.stream);
  return { tenantId, id };
}

function causeOf({ id: eventId, metadata }: RecordedEvent): Cause {
  const { recordedAt, correlationId = null } = metadata;
  return { recordedAt, correlationId, eventId };
}
