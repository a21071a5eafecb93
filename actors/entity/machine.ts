/**
 * The life of an entity, as a state chart: which message is decided how in which phase.
 *
 *              CREATE, UPDATE                DELETE newer than the newest create
 *     absent ────────────────▶ active ──────────────────────────────────────▶ deleted
 *        │                       ▲ ╰─ CREATE, UPDATE: new values, or confirmed     │ ╰─ UPDATE: held
 *        │                       ╰───────── CREATE newer than the deletion ────────╯
 *        ╰──── DELETE ─────────────────────────────────────────────────────────▶ deleted
 *
 * The chart chooses, the functions below it say what happened, `state.ts` folds what happened. What is
 * not newer than the tombstone, and what is not news, is no transition at all.
 */
import { setup } from 'xstate';
import { sameJson } from '#runtime';
import { type Sent, vocabulary } from '../chart.ts';
import { deltaOf, hasWriteFrom, isEmpty, own, survivors, valuesOf } from '../register.ts';
import { isFrom, isNewer, type Stamp, stampOf } from '../stamp.ts';
import { type EntityDelta, type EntityEvent, type EntityHead, entityVersions } from './events.ts';
import type { CreateEntity, DeleteEntity, EntityMessage, UpdateEntity } from './messages.ts';
import type { EntityState } from './state.ts';

type Upsert = CreateEntity | UpdateEntity;

const { says, when } = vocabulary<EntityState, EntityMessage, EntityEvent>();
const { fact } = entityVersions;

export const entityMachine = setup({
  types: {
    context: {} as EntityState,
    events: {} as Sent<EntityMessage>,
    emitted: {} as EntityEvent,
    input: {} as EntityState,
  },
}).createMachine({
  id: 'entity',
  context: ({ input }) => input,
  initial: 'absent',
  states: {
    absent: {
      on: {
        CREATE_ENTITY: { target: 'active', actions: says(created) },
        UPDATE_ENTITY: { target: 'active', actions: says(created) },
        DELETE_ENTITY: { target: 'deleted', actions: says(deleted) },
      },
    },
    active: {
      on: {
        CREATE_ENTITY: { guard: when(isNew, saysSomething), actions: says(updated) },
        UPDATE_ENTITY: { guard: when(isNew, saysSomething), actions: says(updated) },
        DELETE_ENTITY: [
          { guard: when(isNew, outlivesCreate), target: 'deleted', actions: says(deleted) },
          { guard: when(isNew), actions: says(superseded) },
        ],
      },
    },
    deleted: {
      on: {
        CREATE_ENTITY: { guard: when(isNew), target: 'active', actions: says(created) },
        UPDATE_ENTITY: { guard: when(isNew, saysSomething), actions: says(held) },
        DELETE_ENTITY: { guard: when(isNew), actions: says(deleted) },
      },
    },
  },
});

/** Newer than the tombstone, and no message that was taken before. */
function isNew(state: EntityState, message: EntityMessage): boolean {
  const { messageId } = message;
  return (
    isNewer(stampOfMessage(message), state.deleted) &&
    !isFrom(state.deleted, messageId) &&
    !isFrom(state.created, messageId) &&
    !isFrom(state.head?.stamp, messageId) &&
    !hasWriteFrom(state.properties, messageId)
  );
}

function outlivesCreate(state: EntityState, message: DeleteEntity): boolean {
  return isNewer(stampOfMessage(message), state.created);
}

/** Whether it is the newest word on anything. */
function saysSomething(state: EntityState, message: Upsert): boolean {
  const { changed, confirmed, head } = deltaOfUpsert(state, message);
  const isNewestCreate =
    message.messageType === 'CREATE_ENTITY' && isNewer(stampOfMessage(message), state.created);
  return head !== undefined || isNewestCreate || confirmed.length > 0 || !isEmpty(changed);
}

function created(state: EntityState, message: Upsert): EntityEvent {
  const { head, changed, confirmed } = deltaOfUpsert(state, message);
  // What updates newer than this message said of the entity while it was deleted stays said.
  const written = new Set([...Object.keys(changed), ...confirmed]);
  return fact('EntityCreated', {
    head: head ?? state.head?.value ?? headOf(message),
    extractedAt: message.payload.metadata.extractedAt,
    intent: intentOf(message),
    properties: { ...valuesOf(state.properties), ...changed },
    held: Object.keys(state.properties).filter((name) => !written.has(name)),
    headHeld: head === undefined,
  });
}

function updated(state: EntityState, message: Upsert): EntityEvent {
  const data = deltaOfUpsert(state, message);
  const isNews =
    !isEmpty(data.changed) || (data.head !== undefined && !sameJson(data.head, state.head?.value));
  return fact(isNews ? 'EntityUpdated' : 'EntityConfirmed', data);
}

function held(state: EntityState, message: Upsert): EntityEvent {
  return fact('EntityUpdateHeld', deltaOfUpsert(state, message));
}

function deleted(_state: EntityState, message: DeleteEntity): EntityEvent {
  const { extractedAt } = message.payload.metadata;
  return fact('EntityDeleted', { extractedAt });
}

function superseded(state: EntityState, message: DeleteEntity): EntityEvent {
  const { extractedAt } = message.payload.metadata;
  const left = survivors(state.properties, stampOfMessage(message));
  const removed = Object.keys(state.properties).filter((name) => own(left, name) === undefined);
  return fact('DeletionSuperseded', { extractedAt, removed });
}

function deltaOfUpsert(state: EntityState, message: Upsert): EntityDelta {
  const stamp = stampOfMessage(message);
  return {
    extractedAt: message.payload.metadata.extractedAt,
    intent: intentOf(message),
    ...(isNewer(stamp, state.head?.stamp) ? { head: headOf(message) } : {}),
    ...deltaOf(state.properties, message.payload.properties, stamp),
  };
}

function headOf({ payload }: Upsert): EntityHead {
  const { confidence, importance } = payload.metadata;
  const { system, id, url } = payload.source;
  return {
    entityType: payload.entityType,
    source: { system, id, url },
    metadata: { confidence, importance },
  };
}

function intentOf(message: Upsert): 'create' | 'update' {
  return message.messageType === 'CREATE_ENTITY' ? 'create' : 'update';
}

function stampOfMessage(message: EntityMessage): Stamp {
  return stampOf(message.payload.metadata.extractedAt, message.messageId);
}
