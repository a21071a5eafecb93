/** The message that an entity's events say: the inverse of its decisions, to rehearse history with. */
import type { Address, RecordedEvent } from '#runtime';
import type { Properties } from '../register.ts';
import { envelopeSaid, propertiesSaid, propertiesSaidOf } from '../said.ts';
import type { EntityEvent, EntityHead } from './events.ts';
import type { CreateEntity, DeleteEntity, EntityMessage, UpdateEntity } from './messages.ts';
import type { EntityState } from './state.ts';

/** One message leads to one event. Null where no message leads to these. */
export function entityMessageOf(
  address: Address,
  state: EntityState,
  [recorded, ...further]: readonly [RecordedEvent, ...RecordedEvent[]],
): EntityMessage | null {
  if (further.length > 0) return null;
  const event = recorded as EntityEvent & RecordedEvent;
  const { extractedAt } = event.data;
  const upsert = (
    said: { head: EntityHead; intent: 'create' | 'update' },
    properties: Properties,
  ) => {
    const { entityType, source, metadata } = said.head;
    return {
      messageType: said.intent === 'create' ? 'CREATE_ENTITY' : 'UPDATE_ENTITY',
      ...envelopeSaid(address, event),
      payload: {
        entityId: address.id,
        entityType,
        properties,
        source,
        metadata: { ...metadata, extractedAt },
      },
    } as CreateEntity | UpdateEntity;
  };
  switch (event.type) {
    case 'EntityCreated':
      return upsert(event.data, propertiesSaidOf(event.data.properties, event.data.held));
    case 'EntityUpdated':
    case 'EntityConfirmed':
    case 'EntityUpdateHeld': {
      // Without a head in the event the message's was older than the one that is known.
      const head = event.data.head ?? state.head?.value;
      const properties = propertiesSaid(state.properties, event.data);
      return head === undefined ? null : upsert({ ...event.data, head }, properties);
    }
    case 'EntityDeleted':
    case 'DeletionSuperseded': {
      const message: DeleteEntity = {
        messageType: 'DELETE_ENTITY',
        ...envelopeSaid(address, event),
        payload: { entityId: address.id, metadata: { extractedAt } },
      };
      return message;
    }
  }
}
