/** The graph as it is answered: the schemas behind entity, path and search routes. */
import Type, { type TSchema } from 'typebox';
import { EntityType, RelationshipType } from '#actors';
import { asOfCharsMax } from '#projections';

export const Entity = Type.Object(
  {
    id: Type.String(),
    type: EntityType,
    properties: Type.Record(Type.String(), Type.Unknown()),
    source: Type.Object({
      system: Type.Enum(['jira', 'confluence']),
      id: Type.String(),
      url: Type.String(),
    }),
    confidence: Type.String(),
    importance: Type.String(),
    revision: Type.Integer({ description: 'Its last event that is in the graph.' }),
    position: Type.Integer({ description: 'Of that event in the log.' }),
    createdAt: Type.String(),
    updatedAt: Type.String(),
  },
  { title: 'Entity' },
);

export const Relationship = Type.Object(
  {
    id: Type.String(),
    type: RelationshipType,
    sourceId: Type.String(),
    targetId: Type.String(),
    properties: Type.Record(Type.String(), Type.Unknown()),
    confidence: Type.String(),
    strength: Type.Number(),
    revision: Type.Integer(),
    position: Type.Integer(),
  },
  { title: 'Relationship', description: 'Shown while both ends exist.' },
);

/** The parameter of every question that can be asked of the past. */
export const asOfParameter = {
  asOf: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: asOfCharsMax,
      description:
        'As it was then, from history: `revision:N` (after that event of the entity), `position:N` ' +
        '(after that place of the log), or a time in ISO 8601 with a zone, such as ' +
        '`2026-03-01T12:00:00Z` (after all that was recorded by then, by the clocks of the nodes that ' +
        'recorded it; a `+` is written `%2B`).',
    }),
  ),
};

const AsOf = Type.Object(
  {
    position: Type.Integer({ description: 'Nothing after this place of the log counts.' }),
    revision: Type.Optional(Type.Integer()),
    time: Type.Optional(Type.String()),
  },
  {
    title: 'AsOf',
    description: 'Only where `asOf` was given: the moment, and how it was asked for.',
  },
);

/** An answer that may be of the past. */
export function perhapsAsOf<Properties extends Record<string, TSchema>>(answer: {
  readonly properties: Properties;
}) {
  return Type.Object({ ...answer.properties, asOf: Type.Optional(AsOf) });
}

export { EntityType, RelationshipType };
