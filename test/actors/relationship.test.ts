import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type RelationshipEvent,
  type RelationshipMessage,
  type RelationshipState,
  relationship,
  relationshipPhase,
} from '#actors';
import { type ActorDefinition, limits, stepsOf } from '#runtime';
import { live, typesOf } from '#test/actor';
import { anyRelationshipMessage } from '#test/any-message';
import { linkEntities, setEndPresence, unlinkEntities } from '#test/messages';
import { relationshipMachine } from '../../actors/relationship/machine.ts';
import { describeActor, historyOf, shuffledOf } from '../contracts/actor.ts';

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

const step = stepsOf<RelationshipState, RelationshipMessage, RelationshipEvent>(
  relationshipMachine,
);

describeActor('relationship', {
  definition: relationship as ActorDefinition,
  message: anyRelationshipMessage,
  phase,
  next: (from, state, one) => step(from, state as RelationshipState, one).phase,
});

describe('any relationship', () => {
  it('says by its events alone whether it is an edge', () => {
    fc.assert(
      fc.property(shuffledOf(historyOf(anyRelationshipMessage)), ({ other }) => {
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
});
