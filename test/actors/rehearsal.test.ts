import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type EntityEvent,
  type EntityMessage,
  type EntityState,
  entity,
  rehearsables,
  relationship,
} from '#actors';
import { MemoryLog, MemorySnapshots } from '#adapters/memory';
import { openSqlite } from '#adapters/sqlite';
import {
  type ActorDefinition,
  type Difference,
  type Envelope,
  type Log,
  type Rehearsable,
  type Rehearsed,
  RuntimeError,
  rehearse,
  type Snapshots,
  streamOf,
} from '#runtime';
import { live } from '#test/actor';
import { anyEntityMessage, anyRelationshipMessage } from '#test/any-message';
import { goldenDataDir } from '#test/golden';
import { createEntity, deleteEntity, instantAt, updateEntity } from '#test/messages';
import { runWorld } from '#test/world';
import { historyOf, shuffledOf } from '../contracts/actor.ts';

/** A log in which an actor got these messages in this order. */
async function logOf(
  definition: object,
  id: string,
  messages: readonly Envelope[],
  log: Log = new MemoryLog(),
) {
  const { kind } = definition as ActorDefinition;
  const { events } = live(definition as ActorDefinition, messages);
  const recorded = events.map(({ metadata, ...event }, at) => {
    const recordedAt = instantAt(at);
    return { ...structuredClone(event), id: `${id}/${at}`, metadata: { ...metadata, recordedAt } };
  });
  const stream = streamOf({ tenantId: 'acme', kind, id });
  if (recorded.length > 0) await log.append(stream, recorded, 'no_stream');
  return log;
}

interface Part {
  readonly cast?: readonly Rehearsable[];
  readonly snapshots?: Snapshots;
  readonly tenantId?: string;
}

async function stepsOf(log: Log, part: Part = {}): Promise<readonly Rehearsed[]> {
  const { cast = rehearsables, snapshots = new MemorySnapshots(), ...options } = part;
  const steps: Rehearsed[] = [];
  for await (const step of rehearse({ log, snapshots }, cast, options)) steps.push(step);
  return steps;
}

async function differencesOf(log: Log, part: Part = {}): Promise<readonly Difference[]> {
  return (await stepsOf(log, part)).flatMap(({ differences }) => differences);
}

describe('a rehearsal by the code that wrote the history', () => {
  it('finds no difference in the golden log, its snapshot and all its actors', async () => {
    await using folder = await goldenDataDir();
    const { log, snapshots } = await openSqlite(`${folder.path}/log.sqlite`);
    const steps = await stepsOf(log, { snapshots });
    expect(steps.flatMap(({ differences }) => differences)).toEqual([]);
    expect(steps.at(-1)).toMatchObject({ actors: 113, events: 649, head: 650 });
    await log.close();
  });

  it.each([
    ['entity', entity, anyEntityMessage],
    ['relationship', relationship, anyRelationshipMessage],
  ])('finds no difference in the life of any %s', async (_kind, definition, message) => {
    await fc.assert(
      fc.asyncProperty(shuffledOf(historyOf<Envelope>(message)), async ({ other }) => {
        expect(await differencesOf(await logOf(definition, 'a', other))).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('finds no difference in worlds full of faults', async () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const { log } = await runWorld(seed);
      expect(await differencesOf(log)).toEqual([]);
    }
  });

  it('reads long streams page by page', async () => {
    const messages = Array.from({ length: 1_200 }, (_, at) =>
      updateEntity({ at, properties: { at } }),
    );
    const log = await logOf(entity, 'long', messages);
    const steps = await stepsOf(log);
    expect(steps).toHaveLength(3);
    expect(steps.at(-1)).toMatchObject({
      actors: 1,
      events: 1_200,
      messages: 1_200,
      differences: [],
    });
  });
});

const history: readonly EntityMessage[] = [
  createEntity({ messageId: 'm0', at: 0, properties: { title: 'A', state: 'open' } }),
  updateEntity({ messageId: 'm1', at: 1, properties: { state: 'open' } }),
  updateEntity({ messageId: 'm2', at: 2, properties: { state: 'closed' } }),
  deleteEntity({ messageId: 'm3', at: 3 }),
];

/** The actors, with another entity in place of today's. */
function changed(change: Partial<typeof entity>): readonly Rehearsable[] {
  return rehearsables.map((one) =>
    one.definition.kind === 'entity'
      ? { ...one, definition: { ...one.definition, ...(change as Partial<ActorDefinition>) } }
      : one,
  );
}

describe('a rehearsal by a changed machine', () => {
  const deciding =
    (change: (events: readonly EntityEvent[], state: EntityState) => readonly EntityEvent[]) =>
    (state: EntityState, message: EntityMessage) =>
      change(entity.decide(state, message), state);
  const inDecision = (type: string, change: (event: EntityEvent) => EntityEvent[]) => ({
    decide: deciding((events) =>
      events.flatMap((one) => (one.type === type ? change(one) : [one])),
    ),
  });
  const at = (revision: number) => ({
    stream: 'entity-acme/a',
    revision,
    position: revision + 1,
    messageId: `m${revision}`,
  });
  const cases: readonly [string, Partial<typeof entity>, readonly object[]][] = [
    [
      'an event that says something else',
      inDecision('EntityUpdated', (one) => [
        { ...one, data: { ...one.data, changed: {} } } as EntityEvent,
      ]),
      [
        {
          ...at(2),
          kind: 'decision',
          messageType: 'UPDATE_ENTITY',
          recorded: [{ type: 'EntityUpdated', data: { changed: { state: 'closed' } } }],
          decided: [{ type: 'EntityUpdated', data: { changed: {} } }],
        },
      ],
    ],
    [
      'what is decided otherwise once, and not what would follow from it',
      inDecision('EntityCreated', (one) => [
        { ...one, data: { ...one.data, properties: {} } } as EntityEvent,
      ]),
      [{ ...at(0), kind: 'decision', decided: [{ data: { properties: {} } }] }],
    ],
    [
      'an event that is not written any more',
      inDecision('EntityConfirmed', () => []),
      [{ ...at(1), kind: 'decision', recorded: [{ type: 'EntityConfirmed' }], decided: [] }],
    ],
    [
      'an event of another type',
      inDecision('EntityConfirmed', (one) => [{ ...one, type: 'EntityUpdated' } as EntityEvent]),
      [{ ...at(1), kind: 'decision', decided: [{ type: 'EntityUpdated' }] }],
    ],
    [
      'an event of another version',
      inDecision('EntityCreated', (one) => [{ ...one, schemaVersion: 2 }]),
      [{ ...at(0), kind: 'decision', decided: [{ schemaVersion: 2 }] }],
    ],
    [
      'one event more',
      inDecision('EntityDeleted', (one) => [one, one]),
      [{ ...at(3), kind: 'decision', recorded: [{}], decided: [{}, {}] }],
    ],
    [
      'a message that is refused',
      {
        decide: (state, message) => {
          if (message.messageType !== 'DELETE_ENTITY') return entity.decide(state, message);
          throw new RuntimeError('STATE_TOO_LARGE', 'no more deletions');
        },
      },
      [
        {
          ...at(3),
          kind: 'refusal',
          messageType: 'DELETE_ENTITY',
          code: 'STATE_TOO_LARGE',
          reason: 'no more deletions',
        },
      ],
    ],
    [
      'events that it can not read, with which the actor ends',
      {
        upcast: (event) => {
          if (event.revision < 2) return entity.upcast(event);
          throw new RuntimeError('EVENT_VERSION_UNKNOWN', 'unheard of');
        },
      },
      [{ ...at(2), kind: 'unreadable', type: 'EntityUpdated', code: 'EVENT_VERSION_UNKNOWN' }],
    ],
    [
      'a fold that forgets, by all that is decided differently for it',
      {
        evolve: (state, event) =>
          event.type === 'EntityCreated'
            ? { ...entity.evolve(state, event), properties: {} }
            : entity.evolve(state, event),
      },
      [{ ...at(1), kind: 'decision', decided: [{ type: 'EntityUpdated' }] }],
    ],
  ];
  it.each(cases)('tells %s, at the place where it is', async (_claim, change, expected) => {
    const log = await logOf(entity, 'a', history);
    expect(await differencesOf(log, { cast: changed(change) })).toMatchObject(expected);
  });

  it('tells events that no message leads to', async () => {
    const log = await logOf(entity, 'a', history.slice(0, 1));
    const metadata = { messageId: 'm1', recordedAt: instantAt(1) };
    const fact = { type: 'EntityDeleted', schemaVersion: 1, data: { extractedAt: instantAt(1) } };
    await log.append(
      'entity-acme/a',
      [1, 2].map((n) => ({ ...fact, id: `x${n}`, metadata })),
      0,
    );
    expect(await differencesOf(log)).toMatchObject([
      { ...at(1), kind: 'no-message', recorded: [fact, fact] },
    ]);
  });

  it('tells a state that is not the one that was stored, of the same machine version only', async () => {
    const log = await logOf(entity, 'a', history);
    const { state } = live(entity as ActorDefinition, history.slice(0, 2));
    const stored = async (machineVersion: number, kept: unknown) => {
      const snapshots = new MemorySnapshots();
      await snapshots.save('entity-acme/a', { revision: 1, machineVersion, state: kept });
      return differencesOf(log, { snapshots });
    };
    const other = { ...(state as EntityState), created: null };
    expect(await stored(entity.version, state)).toEqual([]);
    expect(await stored(entity.version + 1, other)).toEqual([]);
    expect(await stored(entity.version, other)).toEqual([
      { ...at(1), kind: 'state', recorded: other, folded: state },
    ]);
  });

  it('goes on with the other actors, and takes those of one tenant where that is asked', async () => {
    const log = await logOf(entity, 'a', history);
    await logOf(entity, 'b', history, log);
    const cast = changed({
      evolve: () => {
        throw new Error('a bug');
      },
    });
    expect(await differencesOf(log, { cast })).toMatchObject([
      { stream: 'entity-acme/a', kind: 'unreadable', code: 'INTERNAL', reason: 'a bug' },
      { stream: 'entity-acme/b', kind: 'unreadable', code: 'INTERNAL', reason: 'a bug' },
    ]);
    expect(await differencesOf(log, { cast, tenantId: 'acme' })).toHaveLength(2);
    expect(await differencesOf(log, { cast, tenantId: 'beta' })).toEqual([]);
  });
});
