/** The door that others knock at: REST with OpenAPI, webhooks, commands, health. */
export type { Backend, IndexPlace } from './backend.ts';
export type { DeadLetterSummary, DeadLetterView } from './dead-letter-routes.ts';
export type { EntityView, NeighbourView } from './entity-routes.ts';
export type { Gate, Phase } from './gate.ts';
export type { HealthView } from './health-routes.ts';
export type { LogLevelView } from './log-level-routes.ts';
export type { Exposition } from './metrics-routes.ts';
export type { Problem } from './problem.ts';
export type { ProjectionView, UpkeepView } from './projection-routes.ts';
export type { HitView, QueryView, SearchView } from './retrieval-schema.ts';
export { type HttpOptions, type HttpServer, openHttp } from './server.ts';
