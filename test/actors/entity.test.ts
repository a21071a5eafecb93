import { describe, expect, it } from 'vitest';
import {
  type EntityEvent,
  type EntityMessage,
  type EntityState,
  entity,
  entityPhase,
} from '#actors';
import { type ActorDefinition, limits, stepsOf } from '#runtime';
import { live, typesOf } from '#test/actor';
import { anyEntityMessage } from '#test/any-message';
import { createEntity, deleteEntity, updateEntity } from '#test/messages';
import { entityMachine } from '../../actors/entity/machine.ts';
import { describeActor } from '../contracts/actor.ts';

const values = (state: unknown) =>
  Object.fromEntries(
    Object.entries((state as EntityState).properties).map(([name, { value }]) => [name, value]),
  );
const phase = (state: unknown) => entityPhase(state as EntityState);

describe('an entity', () => {
  const cases: readonly [string, readonly EntityMessage[], readonly string[], string][] = [
    ['is created by a create', [createEntity()], ['EntityCreated'], 'active'],
    [
      'is created by an update whose create was lost',
      [updateEntity()],
      ['EntityCreated'],
      'active',
    ],
    [
      'takes newer values',
      [
        createEntity({ at: 0, properties: { a: 1 } }),
        updateEntity({ at: 1, properties: { a: 2 } }),
      ],
      ['EntityCreated', 'EntityUpdated'],
      'active',
    ],
    [
      'records that a known value was said again',
      [
        createEntity({ at: 0, properties: { a: 1 } }),
        updateEntity({ at: 1, properties: { a: 1 } }),
      ],
      ['EntityCreated', 'EntityConfirmed'],
      'active',
    ],
    [
      'keeps newer values when an older message comes late',
      [
        createEntity({ at: 1, properties: { a: 2 } }),
        updateEntity({ at: 0, properties: { a: 1 } }),
      ],
      ['EntityCreated'],
      'active',
    ],
    [
      'is deleted, and not revived by an update, however new',
      [createEntity({ at: 0 }), deleteEntity({ at: 1 }), updateEntity({ at: 2 })],
      ['EntityCreated', 'EntityDeleted', 'EntityUpdateHeld'],
      'deleted',
    ],
    [
      'is revived by a newer create',
      [createEntity({ at: 0 }), deleteEntity({ at: 1 }), createEntity({ at: 2 })],
      ['EntityCreated', 'EntityDeleted', 'EntityCreated'],
      'active',
    ],
    [
      'stays deleted when an older create comes late',
      [deleteEntity({ at: 1 }), createEntity({ at: 0 })],
      ['EntityDeleted'],
      'deleted',
    ],
    [
      'survives a late deletion that is older than its newest create',
      [createEntity({ at: 2 }), deleteEntity({ at: 1 })],
      ['EntityCreated', 'DeletionSuperseded'],
      'active',
    ],
  ];
  it.each(cases)('%s', (_claim, messages, types, endsAs) => {
    const lived = live(entity, messages);
    expect(typesOf(lived)).toEqual(types);
    expect(phase(lived.state)).toBe(endsAs);
  });

  it('takes up what a held update said when it is created again', () => {
    const { state } = live(entity, [
      createEntity({ at: 0, properties: { a: 'first', b: 'first' } }),
      deleteEntity({ at: 1 }),
      updateEntity({ at: 4, properties: { a: 'held' } }),
      createEntity({ at: 3, properties: { a: 'again', c: 'again' } }),
    ]);
    expect(values(state)).toEqual({ a: 'held', c: 'again' });
  });

  it('takes names that every object has as ordinary property names', () => {
    const properties = { toString: 'x', constructor: 1, hasOwnProperty: null };
    const lived = live(entity, [createEntity({ properties }), updateEntity({ at: 1 })]);
    expect(values(lived.state)).toEqual(properties);
  });

  it('refuses to outgrow its bound, and keeps its state', () => {
    const many = Object.fromEntries(
      Array.from({ length: limits.propertiesMax }, (_, index) => [`p${index}`, index]),
    );
    const { state } = live(entity, [createEntity({ properties: many })]);
    expect(() =>
      live(entity, [updateEntity({ at: 1, properties: { oneMore: 1 } })], { state, events: [] }),
    ).toThrow(expect.objectContaining({ code: 'STATE_TOO_LARGE' }));
  });

  it('ignores a message id that it has taken, even with a later extraction time', () => {
    const messages = [
      createEntity({ messageId: 'm', at: 0, properties: { a: 1 } }),
      createEntity({ messageId: 'm', at: 9, properties: { a: 2 } }),
    ];
    expect(typesOf(live(entity, messages))).toEqual(['EntityCreated']);
  });

  it('orders writes by instant, not by text, and by nanoseconds', () => {
    const at = (extractedAt: string, a: number) => {
      const message = updateEntity({ properties: { a } });
      return {
        ...message,
        payload: {
          ...message.payload,
          metadata: { ...message.payload.metadata, extractedAt },
        },
      };
    };
    const { state } = live(entity, [
      at('2026-11-24T12:00:00.000000002Z', 2),
      at('2026-11-24T12:00:00.000000001Z', 1),
      at('2026-11-24T13:00:00+02:00', 0),
    ]);
    expect(values(state)).toEqual({ a: 2 });
  });
});

const step = stepsOf<EntityState, EntityMessage, EntityEvent>(entityMachine);

describeActor('entity', {
  definition: entity as ActorDefinition,
  message: anyEntityMessage,
  phase,
  next: (from, state, one) => step(from, state as EntityState, one).phase,
});
