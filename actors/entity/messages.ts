/**
 * The contracts of an entity: CREATE_ENTITY field for field as the specification has it, and
 * UPDATE_ENTITY (properties partial) and DELETE_ENTITY in its manner. One schema each gives the type,
 * the run-time check and the API documentation.
 */
import Type, { type Static } from 'typebox';
import { command, confidence, id, instant, properties } from '../schema.ts';

export const entityTypes = ['PERSON', 'DOCUMENT', 'PROJECT', 'ISSUE'] as const;
export const EntityType = Type.Enum(entityTypes, { description: 'What the entity is.' });

const Source = Type.Object(
  {
    system: Type.Enum(['jira', 'confluence']),
    id: Type.String({ maxLength: 512, description: "The source's own id." }),
    url: Type.String({ maxLength: 2048, description: 'Where a person can open it; may be empty.' }),
  },
  { description: 'Where the entity was seen.' },
);

const Metadata = Type.Object({
  confidence,
  importance: Type.Enum(['MINOR', 'NORMAL', 'MAJOR', 'CRITICAL']),
  extractedAt: instant('When the source had this state. Orders writes: the newest wins.'),
});

const content = Type.Object({
  entityId: id('The entity. Stable for its life, unique in its tenant.'),
  entityType: EntityType,
  properties,
  source: Source,
  metadata: Metadata,
});

export const CreateEntity = command('CREATE_ENTITY', content);
export const UpdateEntity = command('UPDATE_ENTITY', content);
export const DeleteEntity = command(
  'DELETE_ENTITY',
  Type.Object({
    entityId: id('The entity to delete.'),
    metadata: Type.Object({ extractedAt: instant('When the source deleted it.') }),
  }),
);

export type EntityType = Static<typeof EntityType>;
export type EntitySource = Static<typeof Source>;
export type CreateEntity = Static<typeof CreateEntity>;
export type UpdateEntity = Static<typeof UpdateEntity>;
export type DeleteEntity = Static<typeof DeleteEntity>;
export type EntityMessage = CreateEntity | UpdateEntity | DeleteEntity;
