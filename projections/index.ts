/** The door of the projections: what follows from events, and the queries on what they wrote. */
export { Checkpoint } from './checkpoint.ts';
export { Effects, effectOf, type KeyedRow, keyOf, patchedRow, type RowChange } from './effect.ts';
export { StoredGenerations } from './generation.ts';
export type { Entity, Page, PageRequest, Relationship } from './graph/answer.ts';
export type { EdgeRow, GraphChange, NodeRow } from './graph/change.ts';
export { GraphFold } from './graph/fold.ts';
export type { Neighbourhood } from './graph/neighbourhood.ts';
export type { Path } from './graph/path.ts';
export { graphPlan } from './graph/plan.ts';
export { graphProjection } from './graph/projection.ts';
export {
  type Direction,
  GraphQueries,
  type Neighbour,
  type NeighboursRequest,
} from './graph/queries.ts';
export type { Found, SearchRequest } from './graph/search.ts';
export type { LinkChange, LinkRow, PresenceRow } from './links/change.ts';
export { LinksFold } from './links/fold.ts';
export { linksGenerations, type Teller, tellingGenerations } from './links/generations.ts';
export { endPresence, type Named } from './links/message.ts';
export { Outbox, type Publish } from './links/outbox.ts';
export { linksPlan } from './links/plan.ts';
export { linksProjection } from './links/projection.ts';
export { outboundGenerations } from './outbound/generations.ts';
export type { OutboundMessage, PublishOutbound } from './outbound/message.ts';
export { outboundProjection } from './outbound/projection.ts';
export type { Fold, Plan } from './plan.ts';
