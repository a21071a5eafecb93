/**
 * The life of a relationship, as a state chart: which message is decided how in which phase.
 *
 *     absent ──LINK──▶ proposed ──both ends exist──▶ active ◀──it is back──▶ suspended
 *        │                ╰───────────────── UNLINK newer than the link ──────────╯
 *        ╰──UNLINK──▶ removed ──newer LINK──▶ proposed, or what its ends say
 *
 * A LINK with other ends retargets: the old edge is over and the new one proposed, in one append.
 */
import { setup } from 'xstate';
import { sameJson } from '#runtime';
import { type Sent, vocabulary } from '../chart.ts';
import { deltaOf, hasWriteFrom, isEmpty, own, survivors, valuesOf } from '../register.ts';
import { isFrom, isNewer, type Stamp, stampOf } from '../stamp.ts';
import {
  type RelationshipDelta,
  type RelationshipEvent,
  type RelationshipHead,
  relationshipVersions,
} from './events.ts';
import type {
  LinkEntities,
  RelationshipMessage,
  SetEndPresence,
  UnlinkEntities,
} from './messages.ts';
import {
  type LinkedPhase,
  linkedPhase,
  missingEnds,
  type RelationshipState,
  withPresence,
} from './state.ts';

const { says, when } = vocabulary<RelationshipState, RelationshipMessage, RelationshipEvent>();
const { fact } = relationshipVersions;

const observes = { guard: when(isNews), actions: says(observed) };

/** A first link, or one after a removal. */
const link = [
  {
    guard: when<LinkEntities>(isNew, leadsTo('active')),
    target: 'active',
    actions: [says(proposed), says(activated)],
  },
  {
    guard: when<LinkEntities>(isNew, leadsTo('suspended')),
    target: 'suspended',
    actions: [says(proposed), says(suspended)],
  },
  { guard: when<LinkEntities>(isNew), target: 'proposed', actions: says(proposed) },
];

/** A link of what is linked already: other ends, other values, or the same again. */
const relink = [
  {
    guard: when<LinkEntities>(isNew, retargets, leadsTo('active')),
    target: 'active',
    actions: [says(retargeted), says(proposed), says(activated)],
  },
  {
    guard: when<LinkEntities>(isNew, retargets, leadsTo('suspended')),
    target: 'suspended',
    actions: [says(retargeted), says(proposed), says(suspended)],
  },
  {
    guard: when<LinkEntities>(isNew, retargets),
    target: 'proposed',
    actions: [says(retargeted), says(proposed)],
  },
  { guard: when<LinkEntities>(isNew, saysSomething), actions: says(updated) },
];

const unlink = [
  { guard: when<UnlinkEntities>(isNew, outlivesLink), target: 'removed', actions: says(removed) },
  { guard: when(isNew), actions: says(superseded) },
];

const activates = {
  guard: when<SetEndPresence>(isNews, leadsTo('active')),
  target: 'active',
  actions: [says(observed), says(activated)],
};

const suspends = {
  guard: when<SetEndPresence>(isNews, leadsTo('suspended')),
  target: 'suspended',
  actions: [says(observed), says(suspended)],
};

export const relationshipMachine = setup({
  types: {
    context: {} as RelationshipState,
    events: {} as Sent<RelationshipMessage>,
    emitted: {} as RelationshipEvent,
    input: {} as RelationshipState,
  },
}).createMachine({
  id: 'relationship',
  context: ({ input }) => input,
  initial: 'absent',
  states: {
    absent: {
      on: {
        LINK_ENTITIES: link,
        UNLINK_ENTITIES: { target: 'removed', actions: says(removed) },
        SET_END_PRESENCE: observes,
      },
    },
    proposed: {
      on: {
        LINK_ENTITIES: relink,
        UNLINK_ENTITIES: unlink,
        SET_END_PRESENCE: [activates, suspends, observes],
      },
    },
    active: {
      on: {
        LINK_ENTITIES: relink,
        UNLINK_ENTITIES: unlink,
        SET_END_PRESENCE: [suspends, observes],
      },
    },
    suspended: {
      on: {
        LINK_ENTITIES: relink,
        UNLINK_ENTITIES: unlink,
        SET_END_PRESENCE: [
          activates,
          {
            guard: when<SetEndPresence>(isNews, leadsTo('proposed')),
            target: 'proposed',
            actions: says(observed),
          },
          observes,
        ],
      },
    },
    removed: {
      on: {
        LINK_ENTITIES: link,
        UNLINK_ENTITIES: { guard: when(isNew), actions: says(removed) },
        SET_END_PRESENCE: observes,
      },
    },
  },
});

/** Newer than the removal, and no message that was taken before. */
function isNew(state: RelationshipState, message: LinkEntities | UnlinkEntities): boolean {
  const { messageId } = message;
  return (
    isNewer(stampOfMessage(message), state.removed) &&
    !isFrom(state.removed, messageId) &&
    !isFrom(state.head?.stamp, messageId) &&
    !hasWriteFrom(state.properties, messageId)
  );
}

/** The newest word on an end. */
function isNews(state: RelationshipState, { payload }: SetEndPresence): boolean {
  return payload.revision > (own(state.ends, payload.entityId)?.revision ?? -1);
}

/** Whether the message leaves the linked relationship in a phase. */
function leadsTo(phase: LinkedPhase) {
  return (state: RelationshipState, message: LinkEntities | SetEndPresence): boolean => {
    const head = message.messageType === 'LINK_ENTITIES' ? headOf(message) : state.head?.value;
    if (head === undefined) return false;
    return linkedPhase(head, endsAfter(state, message)) === phase;
  };
}

function retargets(state: RelationshipState, message: LinkEntities): boolean {
  if (state.head === null || !isNewer(stampOfMessage(message), state.head.stamp)) return false;
  const was = state.head.value;
  const { payload } = message;
  return (
    was.sourceEntityId !== payload.sourceEntityId ||
    was.targetEntityId !== payload.targetEntityId ||
    was.relationshipType !== payload.relationshipType
  );
}

function outlivesLink(state: RelationshipState, message: UnlinkEntities): boolean {
  return isNewer(stampOfMessage(message), state.head?.stamp);
}

function saysSomething(state: RelationshipState, message: LinkEntities): boolean {
  const { head, changed, confirmed } = deltaOfLink(state, message);
  return head !== undefined || confirmed.length > 0 || !isEmpty(changed);
}

function proposed(state: RelationshipState, message: LinkEntities): RelationshipEvent {
  const { properties, metadata } = message.payload;
  const before = valuesOf(state.properties);
  return fact('RelationshipProposed', {
    head: headOf(message),
    extractedAt: metadata.extractedAt,
    properties: { ...before, ...deltaOfLink(state, message).changed },
    held: Object.keys(before).filter((name) => !Object.hasOwn(properties, name)),
  });
}

function retargeted(state: RelationshipState, message: LinkEntities): RelationshipEvent {
  const { extractedAt } = message.payload.metadata;
  const head = state.head?.value ?? null;
  return fact('RelationshipRemoved', { extractedAt, reason: 'retargeted', head });
}

function activated(
  state: RelationshipState,
  message: LinkEntities | SetEndPresence,
): RelationshipEvent {
  const isLink = message.messageType === 'LINK_ENTITIES';
  const before = valuesOf(state.properties);
  return fact('RelationshipActivated', {
    head: linkedHead(state, message),
    properties: isLink ? { ...before, ...deltaOfLink(state, message).changed } : before,
  });
}

function suspended(
  state: RelationshipState,
  message: LinkEntities | SetEndPresence,
): RelationshipEvent {
  const missing = missingEnds(linkedHead(state, message), endsAfter(state, message));
  return fact('RelationshipSuspended', { missing });
}

function updated(state: RelationshipState, message: LinkEntities): RelationshipEvent {
  const data = deltaOfLink(state, message);
  const isNews =
    !isEmpty(data.changed) || (data.head !== undefined && !sameJson(data.head, state.head?.value));
  return fact(isNews ? 'RelationshipUpdated' : 'RelationshipConfirmed', data);
}

function removed(state: RelationshipState, message: UnlinkEntities): RelationshipEvent {
  const { extractedAt } = message.payload.metadata;
  const head = state.head?.value ?? null;
  return fact('RelationshipRemoved', { extractedAt, reason: 'unlinked', head });
}

function superseded(state: RelationshipState, message: UnlinkEntities): RelationshipEvent {
  const { extractedAt } = message.payload.metadata;
  const left = survivors(state.properties, stampOfMessage(message));
  const gone = Object.keys(state.properties).filter((name) => own(left, name) === undefined);
  return fact('UnlinkSuperseded', { extractedAt, removed: gone });
}

function observed(_state: RelationshipState, { payload }: SetEndPresence): RelationshipEvent {
  const { entityId, present, revision } = payload;
  return fact('EndObserved', { entityId, present, revision });
}

function endsAfter(state: RelationshipState, message: LinkEntities | SetEndPresence) {
  if (message.messageType === 'LINK_ENTITIES') return state.ends;
  const { entityId, present, revision } = message.payload;
  return withPresence(state.ends, entityId, { present, revision });
}

function linkedHead(
  state: RelationshipState,
  message: LinkEntities | SetEndPresence,
): RelationshipHead {
  if (message.messageType === 'LINK_ENTITIES') return headOf(message);
  if (state.head === null) throw new Error('the chart asks for the head of what is not linked');
  return state.head.value;
}

function deltaOfLink(state: RelationshipState, message: LinkEntities): RelationshipDelta {
  const stamp = stampOfMessage(message);
  return {
    extractedAt: message.payload.metadata.extractedAt,
    ...(isNewer(stamp, state.head?.stamp) ? { head: headOf(message) } : {}),
    ...deltaOf(state.properties, message.payload.properties, stamp),
  };
}

function headOf({ payload }: LinkEntities): RelationshipHead {
  const { relationshipType, sourceEntityId, targetEntityId, metadata } = payload;
  const { confidence, strength } = metadata;
  return { relationshipType, sourceEntityId, targetEntityId, metadata: { confidence, strength } };
}

function stampOfMessage(message: LinkEntities | UnlinkEntities): Stamp {
  return stampOf(message.payload.metadata.extractedAt, message.messageId);
}
