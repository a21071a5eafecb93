/** The entity, as the runtime hosts it. */
import { type ActorDefinition, stepsOf } from '#runtime';
import { assertRoom } from '../register.ts';
import { type EntityEvent, entityVersions } from './events.ts';
import { entityMachine } from './machine.ts';
import type { EntityMessage } from './messages.ts';
import { absentEntity, type EntityState, entityPhase, evolveEntity } from './state.ts';

const step = stepsOf<EntityState, EntityMessage, EntityEvent>(entityMachine);

export const entity: ActorDefinition<EntityState, EntityMessage, EntityEvent> = {
  kind: 'entity',
  version: 1,
  initial: absentEntity,
  decide: (state, message) => {
    if (message.messageType !== 'DELETE_ENTITY')
      assertRoom(state.properties, message.payload.properties);
    return step(entityPhase(state), state, message).events;
  },
  evolve: evolveEntity,
  upcast: entityVersions.upcast,
};
