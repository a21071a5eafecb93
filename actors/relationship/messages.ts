/**
 * The contracts of a relationship: LINK_ENTITIES field for field as the specification has it,
 * UNLINK_ENTITIES in its manner, and SET_END_PRESENCE, by which the links process manager tells a
 * relationship that one of its ends exists or is gone.
 */
import Type, { type Static } from 'typebox';
import { command, confidence, id, instant, properties } from '../schema.ts';

export const relationshipTypes = [
  'AUTHORED_BY',
  'ASSIGNED_TO',
  'RELATED_TO',
  'DEPENDS_ON',
] as const;
export const RelationshipType = Type.Enum(relationshipTypes, {
  description: 'Read as "source <type> target": an issue AUTHORED_BY a person.',
});

const relationshipId = id('The relationship. Stable for its life, unique in its tenant.');

export const LinkEntities = command(
  'LINK_ENTITIES',
  Type.Object({
    relationshipId,
    relationshipType: RelationshipType,
    sourceEntityId: id('The end that the verb starts from.'),
    targetEntityId: id('The end that the verb points to.'),
    properties,
    metadata: Type.Object({
      confidence,
      strength: Type.Number({ minimum: 0, maximum: 1, description: 'From 0 (weak) to 1.' }),
      extractedAt: instant('When the source had this link. Orders writes: the newest wins.'),
    }),
  }),
);

export const UnlinkEntities = command(
  'UNLINK_ENTITIES',
  Type.Object({
    relationshipId,
    metadata: Type.Object({ extractedAt: instant('When the source removed the link.') }),
  }),
);

export const SetEndPresence = command(
  'SET_END_PRESENCE',
  Type.Object({
    relationshipId,
    entityId: id('The end that is spoken of.'),
    present: Type.Boolean({ description: 'Whether the entity exists.' }),
    revision: Type.Integer({
      minimum: 0,
      description:
        "Revision of the entity's event that says so. Orders presences: the highest wins.",
    }),
  }),
);

export type RelationshipType = Static<typeof RelationshipType>;
export type LinkEntities = Static<typeof LinkEntities>;
export type UnlinkEntities = Static<typeof UnlinkEntities>;
export type SetEndPresence = Static<typeof SetEndPresence>;
export type RelationshipMessage = LinkEntities | UnlinkEntities | SetEndPresence;
