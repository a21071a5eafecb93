/**
 * Events to changes of documents: of properties that are indexed, and no others, so that whatever else
 * is said of an entity leaves its chunks in peace.
 */
import type { EntityEvent } from '#actors';
import { addressOf, type Projection, type RecordedEvent } from '#runtime';
import type { Properties } from '../effect.ts';
import type { DocumentChange } from './change.ts';
import { textual } from './text.ts';

export const embeddingsProjection: Projection<DocumentChange> = {
  name: 'embeddings',
  version: 1,
  filter: {
    categories: ['entity'],
    types: ['EntityCreated', 'EntityUpdated', 'DeletionSuperseded', 'EntityDeleted'],
  },
  project(recorded) {
    const event = recorded as RecordedEvent<EntityEvent>;
    const data = event.data as never;
    switch (event.type) {
      case 'EntityCreated': {
        const { properties }: DataOf<'EntityCreated'> = data;
        return [put(event, textualOf(properties), false)];
      }
      case 'EntityUpdated': {
        const { changed }: DataOf<'EntityUpdated'> = data;
        return patch(event, textualOf(changed), []);
      }
      case 'DeletionSuperseded': {
        const { removed }: DataOf<'DeletionSuperseded'> = data;
        return patch(
          event,
          {},
          removed.filter((name) => textual.has(name)),
        );
      }
      case 'EntityDeleted':
        return [put(event, {}, true)];
      default:
        return [];
    }
  },
};

type DataOf<Type extends EntityEvent['type']> = Extract<
  EntityEvent,
  { readonly type: Type }
>['data'];

function put(event: RecordedEvent, properties: Properties, isDeleted: boolean): DocumentChange {
  const { position } = event;
  return {
    kind: 'put',
    row: { ...keyOf(event), properties, isDeleted, position, since: position },
  };
}

function patch(
  event: RecordedEvent,
  set: Properties,
  unset: readonly string[],
): readonly DocumentChange[] {
  if (Object.keys(set).length === 0 && unset.length === 0) return [];
  const { position } = event;
  return [{ kind: 'patch', ...keyOf(event), fields: { position, since: position }, set, unset }];
}

function textualOf(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => textual.has(name)));
}

function keyOf({ stream }: RecordedEvent): { readonly tenantId: string; readonly id: string } {
  const { tenantId, id } = addressOf(stream);
  return { tenantId, id };
}
