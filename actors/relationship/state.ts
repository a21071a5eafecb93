/**
 * What a relationship is after its events: registers, a tombstone, and what is known of its ends. The
 * phase follows from them, so that the order of arrival leaves no trace.
 */
import { type Fact, limits } from '#runtime';
import { own, type Register, type Registers, survivors, withDelta } from '../register.ts';
import { type Stamp, stampOf } from '../stamp.ts';
import type { RelationshipEvent, RelationshipHead } from './events.ts';

export interface Presence {
  readonly present: boolean;
  /** Revision of the entity's event that says so. */
  readonly revision: number;
}

export type Ends = Readonly<Record<string, Presence>>;

export interface RelationshipState {
  readonly head: Register<RelationshipHead> | null;
  readonly properties: Registers;
  /** The newest removal. */
  readonly removed: Stamp | null;
  /** By entity id. */
  readonly ends: Ends;
}

export type LinkedPhase = 'proposed' | 'active' | 'suspended';
export type RelationshipPhase = 'absent' | 'removed' | LinkedPhase;

export const absentRelationship: RelationshipState = {
  head: null,
  properties: {},
  removed: null,
  ends: {},
};

export function relationshipPhase(state: RelationshipState): RelationshipPhase {
  if (state.head !== null) return linkedPhase(state.head.value, state.ends);
  return state.removed === null ? 'absent' : 'removed';
}

/** Active while both ends exist, suspended while one is gone, proposed while nothing worse is known. */
export function linkedPhase(head: RelationshipHead, ends: Ends): LinkedPhase {
  const source = own(ends, head.sourceEntityId)?.present;
  const target = own(ends, head.targetEntityId)?.present;
  if (source === false || target === false) return 'suspended';
  return source === true && target === true ? 'active' : 'proposed';
}

/** The ends that are known to be gone. */
export function missingEnds(head: RelationshipHead, ends: Ends): readonly string[] {
  return [...new Set([head.sourceEntityId, head.targetEntityId])].filter(
    (id) => own(ends, id)?.present === false,
  );
}

/** What is known of the ends after one more observation. */
export function withPresence(ends: Ends, entityId: string, presence: Presence): Ends {
  return { ...ends, [entityId]: presence };
}

/** The state after one event. */
export function evolveRelationship(state: RelationshipState, fact: Fact): RelationshipState {
  const event = fact as RelationshipEvent & Fact;
  const stamp = () =>
    stampOf((event.data as { extractedAt: string }).extractedAt, fact.metadata.messageId);
  switch (event.type) {
    case 'RelationshipProposed': {
      const written = stamp();
      const registers: Record<string, Register> = {};
      for (const name of Object.keys(event.data.properties)) {
        registers[name] = { value: event.data.properties[name], stamp: written };
      }
      for (const name of event.data.held) {
        const register = own(state.properties, name);
        if (register !== undefined) registers[name] = register;
      }
      return { ...state, head: { value: event.data.head, stamp: written }, properties: registers };
    }
    case 'RelationshipUpdated':
    case 'RelationshipConfirmed': {
      const { head } = event.data;
      return {
        ...state,
        head: head === undefined ? state.head : { value: head, stamp: stamp() },
        properties: withDelta(state.properties, event.data, stamp()),
      };
    }
    case 'RelationshipRemoved':
      // A retarget goes on with the proposal of the new ends, in the same append.
      if (event.data.reason === 'retargeted') return state;
      return { ...state, head: null, properties: {}, removed: stamp() };
    case 'UnlinkSuperseded':
      return { ...state, properties: survivors(state.properties, stamp()), removed: stamp() };
    case 'EndObserved': {
      const { entityId, present, revision } = event.data;
      return remember({
        ...state,
        ends: withPresence(state.ends, entityId, { present, revision }),
      });
    }
    case 'RelationshipActivated':
    case 'RelationshipSuspended':
      return state;
    default:
      return unchanged(state, event);
  }
}

/** Above the bound, forgets one that is no end. */
function remember(state: RelationshipState): RelationshipState {
  const ids = Object.keys(state.ends);
  if (ids.length <= limits.endsRememberedMax) return state;
  const head = state.head?.value;
  const victim = ids.find((id) => id !== head?.sourceEntityId && id !== head?.targetEntityId);
  const { [victim ?? '']: _, ...ends } = state.ends;
  return { ...state, ends };
}

/** Every event type above is handled; the compiler proves it here. */
function unchanged(state: RelationshipState, _event: never): RelationshipState {
  return state;
}
