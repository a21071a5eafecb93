/** The relationship, as the runtime hosts it. */
import { type ActorDefinition, stepsOf } from '#runtime';
import { assertRoom } from '../register.ts';
import { type RelationshipEvent, relationshipVersions } from './events.ts';
import { relationshipMachine } from './machine.ts';
import type { RelationshipMessage } from './messages.ts';
import {
  absentRelationship,
  evolveRelationship,
  type RelationshipState,
  relationshipPhase,
} from './state.ts';

const step = stepsOf<RelationshipState, RelationshipMessage, RelationshipEvent>(
  relationshipMachine,
);

export const relationship: ActorDefinition<
  RelationshipState,
  RelationshipMessage,
  RelationshipEvent
> = {
  kind: 'relationship',
  version: 1,
  initial: absentRelationship,
  decide: (state, message) => {
    if (message.messageType === 'LINK_ENTITIES')
      assertRoom(state.properties, message.payload.properties);
    return step(relationshipPhase(state), state, message).events;
  },
  evolve: evolveRelationship,
  upcast: relationshipVersions.upcast,
};
