/** Retrieval as it is asked for and answered: the schemas behind POST /search, POST /query and /provenance. */
import Type from 'typebox';
import { QueryRequest, RetrievalRequest } from '#projections';
import { limits } from '#runtime';
import { Entity } from './graph-schema.ts';

const id = Type.String({ minLength: 1, maxLength: limits.idCharsMax });
const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

export const SearchBody = RetrievalRequest;

export const QueryBody = Type.Object(
  {
    ...QueryRequest.properties,
    answer: Type.Optional(
      Type.Boolean({ description: 'Also what the language model makes of the context.' }),
    ),
    stream: Type.Optional(
      Type.Boolean({ description: 'An answer as it is written, as `Accept: text/event-stream`.' }),
    ),
    sessionId: Type.Optional({
      ...id,
      description:
        'Answer 202, and tell the result to those who follow the feed with this session.',
    }),
    queryId: Type.Optional({ ...id, description: 'Names the result; made up where it is absent.' }),
  },
  { additionalProperties: false },
);

const Positions = Type.Object(
  {
    graph: Type.Integer(),
    index: nullable(Type.Integer({ description: 'Null: there is no index here.' })),
  },
  { description: 'Everything in the log up to here is in the answer.' },
);

const Vectors = Type.Enum(['used', 'off', 'rebuilding', 'unavailable', 'not-asked'], {
  description: 'Whether it was searched by meaning, too, and if not why.',
});

const ranked = { rank: Type.Integer({ minimum: 1 }) };

const Hit = Type.Object(
  {
    entity: Entity,
    title: Type.String(),
    url: nullable(Type.String()),
    score: Type.Number({ description: 'The more, the better; comparable within one answer.' }),
    explained: Type.Object({
      words: Type.Optional(Type.Object({ ...ranked, score: Type.Number() })),
      vectors: Type.Optional(Type.Object({ ...ranked, similarity: Type.Number() })),
      graph: Type.Optional(Type.Object({ from: Type.String(), relationship: Type.String() })),
    }),
    passages: Type.Array(
      Type.Object({
        chunkId: nullable(Type.String({ description: 'For GET /provenance.' })),
        entityId: Type.String({ description: 'Another than the hit’s own: of a comment on it.' }),
        snippet: Type.String({ description: 'Plain text around the matches, which stand in **.' }),
        position: Type.Integer({ description: 'Of the event that the text is of.' }),
      }),
    ),
  },
  { title: 'Hit' },
);

const found = { positions: Positions, vectors: Vectors, hits: Type.Array(Hit) };

export const SearchAnswer = Type.Object(found);

const Citation = Type.Object(
  {
    n: Type.Integer({ description: '[n] in the context.' }),
    kind: Type.Enum(['text', 'edge']),
    entityId: Type.String(),
    title: Type.String(),
    url: nullable(Type.String()),
    chunkId: nullable(Type.String()),
    position: Type.Integer(),
    relationshipId: Type.Optional(Type.String()),
    textMissing: Type.Optional(
      Type.Boolean({ description: 'The text of an end is not in the index yet, or no more.' }),
    ),
  },
  { title: 'Citation' },
);

export const ContextAnswer = Type.Object({
  ...found,
  context: Type.String({ description: 'For a prompt; passages and links are marked [n].' }),
  citations: Type.Array(Citation),
});

export const QueryAnswer = Type.Object({
  ...ContextAnswer.properties,
  answer: Type.Optional(Type.Object({ text: Type.String(), model: Type.String() })),
});

export const Provenance = Type.Object({
  chunkId: Type.String(),
  entityId: Type.String(),
  position: Type.Integer({ description: 'Of the event that the text is of.' }),
  event: Type.Object({
    id: Type.String(),
    type: Type.String(),
    stream: Type.String(),
    revision: Type.Integer(),
    position: Type.Integer(),
    recordedAt: Type.String(),
  }),
  messageId: Type.String(),
  correlationId: nullable(Type.String()),
  causationId: nullable(Type.String()),
  webhook: nullable(
    Type.String({ description: 'The delivery, or the read of a page, that told of it.' }),
  ),
  source: nullable(Entity.properties.source),
  url: nullable(Type.String()),
});

export type SearchView = Type.Static<typeof SearchAnswer>;
export type QueryView = Type.Static<typeof QueryAnswer>;
export type HitView = Type.Static<typeof Hit>;
