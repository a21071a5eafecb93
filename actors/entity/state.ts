/**
 * What an entity is after its events: registers and a tombstone, and the phase that follows from them.
 *
 * The state is a function of the set of writes, not of their order: each register holds its greatest
 * stamp, and whatever is not newer than the tombstone is gone.
 */
import type { DomainEvent, Fact } from '#runtime';
import { own, type Register, type Registers, survivors, withDelta } from '../register.ts';
import { isNewer, type Stamp, stampOf } from '../stamp.ts';
import type { EntityEvent, EntityHead } from './events.ts';

export interface EntityState {
  readonly head: Register<EntityHead> | null;
  readonly properties: Registers;
  /** The newest create, where it is newer than the tombstone. */
  readonly created: Stamp | null;
  /** The newest deletion. */
  readonly deleted: Stamp | null;
}

export type EntityPhase = 'absent' | 'active' | 'deleted';

export const absentEntity: EntityState = {
  head: null,
  properties: {},
  created: null,
  deleted: null,
};

/** Deleted until a newer create: updates alone, however new, revive nothing. */
export function entityPhase(state: EntityState): EntityPhase {
  if (state.deleted !== null && state.created === null) return 'deleted';
  return state.head === null ? 'absent' : 'active';
}

/** The state after one event; an event type of another actor changes nothing. */
export function evolveEntity(state: EntityState, fact: Fact): EntityState {
  const event = fact as EntityEvent & Fact;
  const stamp = stampOf(event.data.extractedAt, event.metadata.messageId);
  switch (event.type) {
    case 'EntityCreated': {
      const { head, properties, held, headHeld, intent } = event.data;
      const registers: Record<string, Register> = {};
      for (const name of Object.keys(properties)) {
        registers[name] = { value: properties[name], stamp };
      }
      for (const name of held) {
        const register = own(state.properties, name);
        if (register !== undefined) registers[name] = register;
      }
      return {
        head: headHeld && state.head !== null ? state.head : { value: head, stamp },
        properties: registers,
        created: intent === 'create' ? stamp : null,
        deleted: state.deleted,
      };
    }
    case 'EntityUpdated':
    case 'EntityConfirmed':
    case 'EntityUpdateHeld': {
      const { head, intent } = event.data;
      return {
        head: head === undefined ? state.head : { value: head, stamp },
        properties: withDelta(state.properties, event.data, stamp),
        created: intent === 'create' && isNewer(stamp, state.created) ? stamp : state.created,
        deleted: state.deleted,
      };
    }
    case 'EntityDeleted':
    case 'DeletionSuperseded':
      return {
        head: state.head !== null && state.head.stamp > stamp ? state.head : null,
        properties: survivors(state.properties, stamp),
        created: state.created !== null && state.created > stamp ? state.created : null,
        deleted: stamp,
      };
    default:
      return unchanged(state, event);
  }
}

/** Every event type above is handled; the compiler proves it here. */
function unchanged(state: EntityState, _event: never & DomainEvent): EntityState {
  return state;
}
