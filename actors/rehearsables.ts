/** All actors with the inverse of their decisions, for `rehearse`. */
import type { ActorDefinition, Rehearsable } from '#runtime';
import { entity } from './entity/actor.ts';
import { entityMessageOf } from './entity/message-of.ts';
import { relationship } from './relationship/actor.ts';
import { relationshipMessageOf } from './relationship/message-of.ts';

export const rehearsables: readonly Rehearsable[] = [
  {
    definition: entity as ActorDefinition,
    messageOf: entityMessageOf as Rehearsable['messageOf'],
  },
  {
    definition: relationship as ActorDefinition,
    messageOf: relationshipMessageOf as Rehearsable['messageOf'],
  },
];
