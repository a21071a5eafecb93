import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type RelationshipEvent,
  type RelationshipMessage,
  type RelationshipState,
  relationship,
  relationshipPhase,
} from '#actors';
import { limits, stepsOf } from '#runtime';
import { live, replayed, typesOf } from '#test/actor';
import { linkEntities, setEndPresence, unlinkEntities } from '#test/messages';
import { relationshipMachine } from '../../actors/relationship/machine.ts';

const phase = (state: unknown) => relationshipPhase(state as RelationshipState);
const bothThere = [
  setEndPresence({ end: 'issue-1', revision: 0 }),
  setEndPresence({ end: 'issue-2', revision: 0 }),
];

describe('a relationship', () => {
  const cases: readonly [string, readonly RelationshipMessage[], readonly string[], string][] = [
    ['waits for its ends', [linkEntities()], ['RelationshipProposed'], 'proposed'],
    [
      'is active once both ends exist',
      [linkEntities(), ...bothThere],
      ['RelationshipProposed', 'EndObserved', 'EndObserved', 'RelationshipActivated'],
      'active',
    ],
    [
      'is active at once where both ends were known',
      [...bothThere, linkEntities()],
      ['EndObserved', 'EndObserved', 'RelationshipProposed', 'RelationshipActivated'],
      'active',
    ],
    [
      'is suspended while an end is gone',
      [linkEntities(), ...bothThere, setEndPresence({ present: false, revision: 1 })],
      [
        'RelationshipProposed',
        'EndObserved',
        'EndObserved',
        'RelationshipActivated',
        'EndObserved',
        'RelationshipSuspended',
      ],
      'suspended',
    ],
    [
      'believes the newest word on an end, in whatever order it comes',
      [linkEntities(), setEndPresence({ present: false, revision: 2 }), ...bothThere],
      ['RelationshipProposed', 'EndObserved', 'RelationshipSuspended', 'EndObserved'],
      'suspended',
    ],
    [
      'ends with an unlink, and a late older link leaves it so',
      [linkEntities({ at: 1 }), unlinkEntities({ at: 2 }), linkEntities({ at: 0 })],
      ['RelationshipProposed', 'RelationshipRemoved'],
      'removed',
    ],
    [
      'survives a late unlink that is older than its newest link',
      [linkEntities({ at: 2 }), unlinkEntities({ at: 1 })],
      ['RelationshipProposed', 'UnlinkSuperseded'],
      'proposed',
    ],
    [
      'follows its newest ends',
      [
        linkEntities({ at: 0, to: 'anna' }),
        setEndPresence({ end: 'issue-1' }),
        setEndPresence({ end: 'anna' }),
        linkEntities({ at: 1, to: 'ben' }),
        setEndPresence({ end: 'ben' }),
      ],
      [
        'RelationshipProposed',
        'EndObserved',
        'EndObserved',
        'RelationshipActivated',
        'RelationshipRemoved',
        'RelationshipProposed',
        'EndObserved',
        'RelationshipActivated',
      ],
      'active',
    ],
    [
      'is active when it links an entity with itself',
      [linkEntities({ from: 'issue-1', to: 'issue-1' }), setEndPresence({ end: 'issue-1' })],
      ['RelationshipProposed', 'EndObserved', 'RelationshipActivated'],
      'active',
    ],
  ];
  it.each(cases)('%s', (_claim, messages, types, endsAs) => {
    const lived = live(relationship, messages);
    expect(typesOf(lived)).toEqual(types);
    expect(phase(lived.state)).toBe(endsAs);
  });

  it('carries the whole edge in the event that activates it', () => {
    const { events } = live(relationship, [
      linkEntities({ at: 0, properties: { role: 'blocks' }, strength: 0.5 }),
      ...bothThere,
    ]);
    expect(events.at(-1)?.data).toEqual({
      head: {
        relationshipType: 'RELATED_TO',
        sourceEntityId: 'issue-1',
        targetEntityId: 'issue-2',
        metadata: { confidence: 'HIGH', strength: 0.5 },
      },
      properties: { role: 'blocks' },
    });
  });

  it('remembers a bounded number of ends, and never forgets its own', () => {
    const { state } = live(relationship, [
      linkEntities(),
      ...bothThere,
      ...Array.from({ length: 200 }, (_, index) => setEndPresence({ end: `other-${index}` })),
    ]);
    expect(Object.keys((state as RelationshipState).ends)).toHaveLength(limits.endsRememberedMax);
    expect(phase(state)).toBe('active');
  });
});

const message = fc
  .record({
    kind: fc.constantFrom('link', 'link', 'unlink', 'presence', 'presence'),
    messageId: fc.integer({ min: 1, max: 1_000_000 }).map((id) => `m${id}`),
    at: fc.integer({ min: 0, max: 4 }),
    from: fc.constantFrom('x', 'y'),
    to: fc.constantFrom('x', 'z'),
    strength: fc.constantFrom(0, 1),
    properties: fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom(null, 1, 2)),
    end: fc.constantFrom('x', 'y', 'z'),
    revision: fc.integer({ min: 0, max: 4 }),
  })
  .map(({ kind, end, revision, ...parts }): RelationshipMessage => {
    if (kind === 'link') return linkEntities(parts);
    if (kind === 'unlink') return unlinkEntities(parts);
    // An entity's revision says one thing only.
    return setEndPresence({ ...parts, end, revision, present: revision % 2 === 0 });
  });

const history = fc.uniqueArray(message, {
  minLength: 1,
  maxLength: 8,
  selector: ({ messageId }) => messageId,
});

const shuffled = history.chain((messages) =>
  fc.record({
    messages: fc.constant(messages),
    other: fc
      .tuple(
        fc.shuffledSubarray(messages, { minLength: messages.length }),
        fc.array(fc.constantFrom(...messages), { maxLength: 6 }),
      )
      .chain(([all, again]) =>
        fc.shuffledSubarray([...all, ...again], { minLength: all.length + again.length }),
      ),
  }),
);

describe('any relationship', () => {
  it('ends in the same state for every order of the same messages, with repeats', () => {
    fc.assert(
      fc.property(shuffled, ({ messages, other }) => {
        expect(live(relationship, other).state).toEqual(live(relationship, messages).state);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is changed once by a message that comes any number of times', () => {
    fc.assert(
      fc.property(history, (messages) => {
        const once = live(relationship, messages);
        expect(live(relationship, messages, once).events).toEqual(once.events);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is replayed from its events into the state that was live', () => {
    fc.assert(
      fc.property(shuffled, ({ other }) => {
        const lived = live(relationship, other);
        expect(replayed(relationship, lived)).toEqual(lived.state);
      }),
      { numRuns: 1_000 },
    );
  });

  it('says by its events alone whether it is an edge', () => {
    fc.assert(
      fc.property(shuffled, ({ other }) => {
        const lived = live(relationship, other);
        let isEdge = false;
        for (const { type } of lived.events) {
          if (type === 'RelationshipActivated') isEdge = true;
          if (type === 'RelationshipSuspended' || type === 'RelationshipRemoved') isEdge = false;
        }
        expect(isEdge).toBe(phase(lived.state) === 'active');
      }),
      { numRuns: 1_000 },
    );
  });

  it('is in the phase that its chart went to', () => {
    const step = stepsOf<RelationshipState, RelationshipMessage, RelationshipEvent>(
      relationshipMachine,
    );
    fc.assert(
      fc.property(shuffled, ({ other }) => {
        let lived = live(relationship, []);
        for (const message of other) {
          const state = lived.state as RelationshipState;
          const went = step(relationshipPhase(state), state, message).phase;
          lived = live(relationship, [message], lived);
          expect(phase(lived.state)).toBe(went);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
