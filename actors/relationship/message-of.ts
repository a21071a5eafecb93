/** The message that a relationship's events say: the inverse of its decisions, to rehearse history with. */
import type { Address, RecordedEvent } from '#runtime';
import type { Properties } from '../register.ts';
import { envelopeSaid, propertiesSaid, propertiesSaidOf } from '../said.ts';
import type { RelationshipEvent, RelationshipHead } from './events.ts';
import type { LinkEntities, RelationshipMessage } from './messages.ts';
import type { RelationshipState } from './state.ts';

/**
 * The first event says which message it was; a removal by retargeting is followed by the link that led
 * to it. What else follows (activated, suspended) is decided by what is known of the ends.
 */
export function relationshipMessageOf(
  address: Address,
  state: RelationshipState,
  [recorded, next]: readonly [RecordedEvent, ...RecordedEvent[]],
): RelationshipMessage | null {
  const event = recorded as RelationshipEvent & RecordedEvent;
  const envelope = envelopeSaid(address, event);
  const relationshipId = address.id;
  const link = (head: RelationshipHead, properties: Properties, extractedAt: string) =>
    ({
      messageType: 'LINK_ENTITIES',
      ...envelope,
      payload: {
        ...head,
        relationshipId,
        properties,
        metadata: { ...head.metadata, extractedAt },
      },
    }) as LinkEntities;
  switch (event.type) {
    case 'RelationshipProposed': {
      const { head, properties, held, extractedAt } = event.data;
      return link(head, propertiesSaidOf(properties, held), extractedAt);
    }
    case 'RelationshipUpdated':
    case 'RelationshipConfirmed': {
      // Without a head in the event the message's was older than the one that is known.
      const head = event.data.head ?? state.head?.value;
      if (head === undefined) return null;
      return link(head, propertiesSaid(state.properties, event.data), event.data.extractedAt);
    }
    case 'RelationshipRemoved':
      if (event.data.reason === 'retargeted') {
        return next?.type === 'RelationshipProposed'
          ? relationshipMessageOf(address, state, [next])
          : null;
      }
      return unlink(event.data.extractedAt);
    case 'UnlinkSuperseded':
      return unlink(event.data.extractedAt);
    case 'EndObserved':
      return {
        messageType: 'SET_END_PRESENCE',
        ...envelope,
        payload: { relationshipId, ...event.data },
      };
    case 'RelationshipActivated':
    case 'RelationshipSuspended':
      return null;
  }

  function unlink(extractedAt: string): RelationshipMessage {
    return {
      messageType: 'UNLINK_ENTITIES',
      ...envelope,
      payload: { relationshipId, metadata: { extractedAt } },
    };
  }
}
