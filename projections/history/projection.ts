/**
 * Events to steps: those that put a row into the graph or drop one from it, and no others.
 */
import type { RelationshipActivated } from '#actors';
import { addressOf, type Projection, type RecordedEvent } from '#runtime';
import type { HistoryChange } from './change.ts';

export const historyProjection: Projection<HistoryChange> = {
  name: 'history',
  version: 1,
  filter: {
    categories: ['entity', 'relationship'],
    types: [
      'EntityCreated',
      'EntityDeleted',
      'RelationshipActivated',
      'RelationshipSuspended',
      'RelationshipRemoved',
    ],
  },
  project(event) {
    switch (event.type) {
      case 'EntityCreated':
        return [presence(event, true)];
      case 'EntityDeleted':
        return [presence(event, false)];
      case 'RelationshipActivated':
        return [activated(event as RecordedEvent<RelationshipActivated>)];
      case 'RelationshipSuspended':
      case 'RelationshipRemoved':
        return [ended(event)];
      default:
        return [];
    }
  },
};

function presence(event: RecordedEvent, isPresent: boolean): HistoryChange {
  const { actorId: entityId, ...step } = stepOf(event);
  return { of: 'presence', change: { kind: 'put', row: { ...step, entityId, isPresent } } };
}

function activated(event: RecordedEvent<RelationshipActivated>): HistoryChange {
  const { actorId: linkId, ...step } = stepOf(event);
  const { relationshipType: type, sourceEntityId, targetEntityId } = event.data.head;
  const ends = { type, sourceId: sourceEntityId, targetId: targetEntityId };
  return { of: 'link', change: { kind: 'put', row: { ...step, linkId, isActive: true, ...ends } } };
}

function ended(event: RecordedEvent): HistoryChange {
  const { actorId: linkId, ...step } = stepOf(event);
  const ends = { type: null, sourceId: null, targetId: null };
  return {
    of: 'link',
    change: { kind: 'put', row: { ...step, linkId, isActive: false, ...ends } },
  };
}

/** Digits of the largest position. */
const positionDigits = String(Number.MAX_SAFE_INTEGER).length;

function stepOf({ stream, position }: RecordedEvent) {
  const { tenantId, id: actorId } = addressOf(stream);
  return { tenantId, actorId, id: String(position).padStart(positionDigits, '0'), position };
}
