/**
 * Events to changes of the graph.
 *
 * An edge is shown from RelationshipActivated, which carries it whole, until it is suspended or
 * removed; what is updated in between patches it, and patches nothing while it is not shown. Confirmed
 * events only move stamps and are not asked for.
 */
import type { EntityEvent, EntityHead, RelationshipEvent, RelationshipHead } from '#actors';
import { addressOf, type DomainEvent, type Projection, type RecordedEvent } from '#runtime';
import type { EdgeRow, GraphChange, NodeRow } from './change.ts';

type Events<Event extends DomainEvent> = {
  readonly [Type in Event['type']]?: (
    event: RecordedEvent<Extract<Event, { readonly type: Type }>>,
  ) => GraphChange;
};

const ofEntity: Events<EntityEvent> = {
  EntityCreated: (event) => {
    const { revision, position, metadata, data } = event;
    const { recordedAt } = metadata;
    const row = {
      ...keyOf(event),
      properties: data.properties,
      ...nodeFields(data.head),
      revision,
      position,
      createdAt: recordedAt,
      updatedAt: recordedAt,
    };
    return { of: 'node', change: { kind: 'put', row } };
  },
  EntityUpdated: (event) => {
    const { head, changed } = event.data;
    const fields = head === undefined ? {} : nodeFields(head);
    return patchNode(event, { ...fields }, changed, []);
  },
  DeletionSuperseded: (event) => patchNode(event, {}, {}, event.data.removed),
  EntityDeleted: (event) => ({ of: 'node', change: { kind: 'drop', ...keyOf(event) } }),
};

const ofRelationship: Events<RelationshipEvent> = {
  RelationshipActivated: (event) => {
    const { revision, position, data } = event;
    const { sourceEntityId: sourceId, targetEntityId: targetId } = data.head;
    const row = {
      ...keyOf(event),
      properties: data.properties,
      sourceId,
      targetId,
      ...edgeFields(data.head),
      revision,
      position,
      since: position,
    };
    return { of: 'edge', change: { kind: 'put', row } };
  },
  RelationshipUpdated: (event) => {
    const { head, changed } = event.data;
    return patchEdge(event, head === undefined ? {} : edgeFields(head), changed, []);
  },
  UnlinkSuperseded: (event) => patchEdge(event, {}, {}, event.data.removed),
  RelationshipSuspended: dropEdge,
  RelationshipRemoved: dropEdge,
};

const handlers: Readonly<Record<string, ((event: never) => GraphChange) | undefined>> = {
  ...ofEntity,
  ...ofRelationship,
};

export const graphProjection: Projection<GraphChange> = {
  name: 'graph',
  version: 1,
  filter: { categories: ['entity', 'relationship'], types: Object.keys(handlers) },
  project(event) {
    const handle = handlers[event.type];
    return handle === undefined ? [] : [handle(event as never)];
  },
};

function keyOf(event: RecordedEvent): { readonly tenantId: string; readonly id: string } {
  const { tenantId, id } = addressOf(event.stream);
  return { tenantId, id };
}

function nodeFields({ entityType, source, metadata }: EntityHead) {
  const { confidence, importance } = metadata;
  return { type: entityType, source, confidence, importance };
}

function edgeFields({ relationshipType, metadata }: RelationshipHead) {
  const { confidence, strength } = metadata;
  return { type: relationshipType, confidence, strength };
}

function patchNode(
  event: RecordedEvent,
  fields: Partial<NodeRow>,
  set: NodeRow['properties'],
  unset: readonly string[],
): GraphChange {
  const { revision, position, metadata } = event;
  const updatedAt = metadata.recordedAt;
  return {
    of: 'node',
    change: {
      kind: 'patch',
      ...keyOf(event),
      fields: { ...fields, revision, position, updatedAt },
      set,
      unset,
    },
  };
}

function patchEdge(
  event: RecordedEvent,
  fields: Partial<EdgeRow>,
  set: EdgeRow['properties'],
  unset: readonly string[],
): GraphChange {
  const { revision, position } = event;
  return {
    of: 'edge',
    change: {
      kind: 'patch',
      ...keyOf(event),
      fields: { ...fields, revision, position },
      set,
      unset,
    },
  };
}

function dropEdge(event: RecordedEvent): GraphChange {
  return { of: 'edge', change: { kind: 'drop', ...keyOf(event) } };
}
