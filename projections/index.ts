/** The door of the projections: what follows from events, and the queries on what they wrote. */
export { Checkpoint } from './checkpoint.ts';
export { Effects, effectOf, type KeyedRow, keyOf, patchedRow, type RowChange } from './effect.ts';
export type { DocumentChange, DocumentRow } from './embeddings/change.ts';
export { type Chunk, chunkIdOf, chunksOf } from './embeddings/chunk.ts';
export { Filler, type FillerOptions } from './embeddings/filler.ts';
export { type EmbeddingsGenerations, embeddingsGenerations } from './embeddings/generations.ts';
export { Indexer, type IndexerOptions } from './embeddings/indexer.ts';
export { passagesOf } from './embeddings/passage.ts';
export { assertPgvector, ensurePgvector } from './embeddings/pgvector.ts';
export { embeddingsPlan, indexViews } from './embeddings/plan.ts';
export { embeddingsProjection } from './embeddings/projection.ts';
export {
  type IndexedChunk,
  IndexQueries,
  type IndexStanding,
  type Passage,
} from './embeddings/queries.ts';
export { StoredGenerations } from './generation.ts';
export type { Entity, Page, PageRequest, Relationship } from './graph/answer.ts';
export { CachedReads } from './graph/cached-reads.ts';
export type { EdgeRow, GraphChange, NodeRow } from './graph/change.ts';
export { GraphFold } from './graph/fold.ts';
export type { Neighbourhood } from './graph/neighbourhood.ts';
export type { Direction, Neighbour, NeighboursRequest } from './graph/neighbours.ts';
export type { Path } from './graph/path.ts';
export { graphPlan } from './graph/plan.ts';
export { graphProjection } from './graph/projection.ts';
export { GraphQueries } from './graph/queries.ts';
export type { Found, SearchRequest } from './graph/search.ts';
export { type AsOf, asOfCharsMax, asOfFrom } from './history/as-of.ts';
export type { HistoryChange } from './history/change.ts';
export { type Moment, positionAt } from './history/moment.ts';
export { historyPlan } from './history/plan.ts';
export { historyProjection } from './history/projection.ts';
export { type AsOfMoment, GraphHistory } from './history/queries.ts';
export type { LinkChange, LinkRow, PresenceRow } from './links/change.ts';
export { LinksFold } from './links/fold.ts';
export { linksGenerations, type Teller, tellingGenerations } from './links/generations.ts';
export { endPresence, type Named } from './links/message.ts';
export { Outbox, type Publish } from './links/outbox.ts';
export { linksPlan } from './links/plan.ts';
export { linksProjection } from './links/projection.ts';
export { type Admission, Feed, type FeedOptions } from './notifications/feed.ts';
export type { FeedRequest } from './notifications/filter.ts';
export type { EndReason, FeedLine } from './notifications/follower.ts';
export {
  type TellingOptions,
  tellingNotifications,
} from './notifications/generations.ts';
export {
  type FeedMessage,
  isQueryResult,
  type Notification,
  notificationSchemas,
  type QueryResult,
} from './notifications/message.ts';
export { Narrator } from './notifications/narrator.ts';
export { notificationsProjection } from './notifications/projection.ts';
export { outboundGenerations } from './outbound/generations.ts';
export type { OutboundMessage, PublishOutbound } from './outbound/message.ts';
export { outboundProjection } from './outbound/projection.ts';
export type { Fold, Plan } from './plan.ts';
export type {
  Citation,
  ContextAnswer,
  Hit,
  HitPassage,
  Positions,
  Provenance,
  SearchAnswer,
  VectorsUse,
} from './retrieval/answer.ts';
export { labelOf, urlOf } from './retrieval/heading.ts';
export { promptOf } from './retrieval/prompt.ts';
export { QueryRequest, RetrievalRequest, retrievalModes } from './retrieval/request.ts';
export { Retrieval, type RetrievalOptions } from './retrieval/retrieval.ts';
export { copyRows } from './table.ts';
