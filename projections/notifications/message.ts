/**
 * What is told about changes: one schema each gives the type, the run-time check and the documentation.
 *
 * ENTITY_CHANGED and RELATIONSHIP_CHANGED are made of one event each: its id is their messageId and its
 * position theirs, so that the log orders them and names them once and for all. QUERY_RESULT and
 * CACHE_INVALIDATION are the specification's, field for field; the optional fields are ours.
 */
import Type, { type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { EntityType, RelationshipType } from '#actors';
import { tenantPattern } from '#runtime';

const tenantId = Type.String({ pattern: tenantPattern, description: 'Whose data this is.' });
const timestamp = Type.String({ description: 'ISO 8601.' });
const position = Type.Integer({ minimum: 1, description: 'In the log. Grows; gaps are no loss.' });

const changedProperties = Type.Union([Type.Array(Type.String()), Type.Null()], {
  description: 'Names of properties that were set or went; null where they are too long to list.',
});

function notification<const Name extends string, Payload extends TSchema>(
  messageType: Name,
  payload: Payload,
) {
  return Type.Object(
    {
      messageType: Type.Literal(messageType),
      messageId: Type.String({ description: 'The id of the event; a repeat has the same.' }),
      timestamp,
      tenantId,
      position,
      change: Type.Enum(['created', 'updated', 'deleted']),
      payload,
      correlationId: Type.Optional(Type.String()),
    },
    { title: messageType },
  );
}

export const EntityChanged = notification(
  'ENTITY_CHANGED',
  Type.Object({ entityId: Type.String(), entityType: EntityType, changedProperties }),
);

/** `created`: it is shown from here on, both ends exist. `deleted`: it is shown no more. */
export const RelationshipChanged = notification(
  'RELATIONSHIP_CHANGED',
  Type.Object({
    relationshipId: Type.String(),
    relationshipType: RelationshipType,
    sourceEntityId: Type.String(),
    targetEntityId: Type.String(),
    changedProperties,
  }),
);

export const CacheInvalidation = Type.Object(
  {
    messageType: Type.Literal('CACHE_INVALIDATION'),
    timestamp,
    payload: Type.Object({
      cacheKeys: Type.Array(Type.String()),
      reason: Type.Enum(['DATA_UPDATE', 'MANUAL', 'EXPIRATION']),
      affectedServices: Type.Array(Type.String()),
    }),
    tenantId: Type.Optional(tenantId),
    position: Type.Optional(position),
  },
  { title: 'CACHE_INVALIDATION' },
);

export const QueryResult = Type.Object(
  {
    messageType: Type.Literal('QUERY_RESULT'),
    sessionId: Type.String({ minLength: 1 }),
    timestamp,
    payload: Type.Object({
      queryId: Type.String(),
      results: Type.Array(Type.Unknown()),
      metadata: Type.Object({
        processingTime: Type.Number(),
        resultCount: Type.Number(),
        confidence: Type.Number({ description: '0 to 1.' }),
      }),
      answer: Type.Optional(
        Type.Object(
          { text: Type.String(), model: Type.String() },
          { description: 'Of the language model, where it was asked for; [n] cites `citations`.' },
        ),
      ),
      citations: Type.Optional(Type.Array(Type.Unknown())),
      error: Type.Optional(
        Type.Object(
          { code: Type.String(), hint: Type.String() },
          { description: 'Why there is nothing, or no answer to what was found.' },
        ),
      ),
    }),
  },
  { title: 'QUERY_RESULT' },
);

export const FeedPosition = Type.Object(
  { messageType: Type.Literal('FEED_POSITION'), position: Type.Integer({ minimum: 0 }) },
  {
    title: 'FEED_POSITION',
    description: 'All that matches up to here has been sent: the place to resume from.',
  },
);

export type EntityChanged = Static<typeof EntityChanged>;
export type RelationshipChanged = Static<typeof RelationshipChanged>;
export type Notification = EntityChanged | RelationshipChanged;
export type Change = Notification['change'];
export type CacheInvalidation = Static<typeof CacheInvalidation>;
export type QueryResult = Static<typeof QueryResult>;
export type FeedPosition = Static<typeof FeedPosition>;

/** What a follower of the feed may get. */
export type FeedMessage = Notification | QueryResult | FeedPosition;

/** By title, for the documentation. */
export const notificationSchemas = {
  ENTITY_CHANGED: EntityChanged,
  RELATIONSHIP_CHANGED: RelationshipChanged,
  CACHE_INVALIDATION: CacheInvalidation,
  QUERY_RESULT: QueryResult,
  FEED_POSITION: FeedPosition,
} as const;

const queryResults = Compile(QueryResult);

export function isQueryResult(value: unknown): value is QueryResult {
  return queryResults.Check(value);
}
