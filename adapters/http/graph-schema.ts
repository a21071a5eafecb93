/** The graph as it is answered: the schemas behind entity, path and search routes. */
import Type from 'typebox';
import { EntityType, RelationshipType } from '#actors';

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

export { EntityType, RelationshipType };
