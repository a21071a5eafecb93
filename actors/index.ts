/** The door of the actors: contracts, events and the definitions that the runtime hosts. */
export * from './contracts.ts';
export { entity } from './entity/actor.ts';
export type * from './entity/events.ts';
export * from './entity/messages.ts';
export {
  absentEntity,
  type EntityPhase,
  type EntityState,
  entityPhase,
  evolveEntity,
} from './entity/state.ts';
export type { Delta, Properties } from './register.ts';
export { rehearsables } from './rehearsables.ts';
export { relationship } from './relationship/actor.ts';
export type * from './relationship/events.ts';
export * from './relationship/messages.ts';
export {
  absentRelationship,
  evolveRelationship,
  type RelationshipPhase,
  type RelationshipState,
  relationshipPhase,
} from './relationship/state.ts';
export { upcast } from './upcast.ts';
