/**
 * Entities: what they are and what they are linked to (the graph, through the cache), what they were
 * (`asOf`: the history), and how they came to be (the log itself, also for those that are deleted).
 */
import Type from 'typebox';
import { asOfFrom } from '#projections';
import { limits, RuntimeError, streamOf } from '#runtime';
import { type AtLeast, atLeastParameter } from './at-least.ts';
import type { Gate } from './gate.ts';
import {
  asOfParameter,
  Entity,
  EntityType,
  perhapsAsOf,
  Relationship,
  RelationshipType,
} from './graph-schema.ts';
import { type Http, pageOf, paging, queryOf, refusals } from './http.ts';
import { TenantHeader, tenantOf } from './tenant.ts';

const params = Type.Object({ id: Type.String({ minLength: 1, maxLength: limits.idCharsMax }) });

const direction = Type.Enum(['out', 'in']);

const Neighbour = Type.Object({
  direction,
  relationship: Relationship,
  entity: Entity,
});

const EntityAsOf = perhapsAsOf(Entity);

export type EntityView = Type.Static<typeof EntityAsOf>;
export type NeighbourView = Type.Static<typeof Neighbour>;

const Neighbourhood = Type.Object({
  depth: Type.Integer(),
  nodes: Type.Array(Type.Object({ distance: Type.Integer(), entity: Entity })),
  edges: Type.Array(Relationship),
  truncated: Type.Boolean({
    description: `More than ${limits.neighbourhoodNodesMax} nodes or ${limits.neighbourhoodEdgesMax} edges.`,
  }),
});

const Event = Type.Object({
  id: Type.String(),
  type: Type.String(),
  schemaVersion: Type.Integer(),
  revision: Type.Integer(),
  position: Type.Integer(),
  data: Type.Unknown(),
  metadata: Type.Object({
    messageId: Type.String(),
    correlationId: Type.Optional(Type.String()),
    causationId: Type.Optional(Type.String()),
    traceparent: Type.Optional(Type.String()),
    recordedAt: Type.String(),
  }),
});

export function entityRoutes(app: Http, gate: Gate, atLeast: AtLeast): void {
  const common = { tags: ['graph'], headers: TenantHeader };

  app.get(
    '/entities',
    {
      schema: {
        ...common,
        summary: 'List entities by id',
        querystring: queryOf({ ...paging, ...atLeastParameter, type: Type.Optional(EntityType) }),
        response: { 200: pageOf(Entity), ...refusals },
      },
      preHandler: atLeast.graph,
    },
    (request) => gate.backend.graph.entities(tenantOf(request), request.query),
  );

  app.get(
    '/entities/:id',
    {
      schema: {
        ...common,
        summary: 'One entity, now or as of then',
        params,
        querystring: queryOf({ ...asOfParameter, ...atLeastParameter }),
        response: { 200: EntityAsOf, ...refusals },
      },
      preHandler: atLeast.graph,
    },
    (request) => {
      const { cached, history } = gate.backend;
      const tenantId = tenantOf(request);
      const { id } = request.params;
      const { asOf } = request.query;
      return asOf === undefined
        ? cached.entity(tenantId, id)
        : history.entity(tenantId, id, asOfFrom(asOf));
    },
  );

  app.get(
    '/entities/:id/history',
    {
      schema: {
        ...common,
        summary: 'Its events, oldest first, also of a deleted one',
        params,
        querystring: queryOf(paging),
        response: { 200: pageOf(Event), ...refusals },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { cursor, limit } = request.query;
      const stream = streamOf({ tenantId: tenantOf(request), kind: 'entity', id });
      const from = cursor === undefined ? 0 : revisionOf(cursor);
      const events = await gate.backend.log.readStream(stream, { from, limit: limit + 1 });
      if (events.length === 0 && from === 0) {
        throw new RuntimeError('NOT_FOUND', `nothing ever happened to an entity '${id}'`);
      }
      const items = events.slice(0, limit).map(({ stream: _, ...event }) => event);
      const following = events[limit];
      return { items, next: following === undefined ? null : cursorOf(following.revision) };
    },
  );

  app.get(
    '/entities/:id/neighbours',
    {
      schema: {
        ...common,
        summary: 'What it is linked to, now or as of then',
        params,
        querystring: queryOf({
          ...paging,
          ...asOfParameter,
          ...atLeastParameter,
          type: Type.Optional(RelationshipType),
          direction: Type.Enum(['out', 'in', 'both'], {
            default: 'both',
            description: '`out`: the entity is the relationship’s source.',
          }),
        }),
        response: { 200: perhapsAsOf(pageOf(Neighbour)), ...refusals },
      },
      preHandler: atLeast.graph,
    },
    (request) => {
      const { cached, history } = gate.backend;
      const tenantId = tenantOf(request);
      const { id } = request.params;
      const { asOf, ...wanted } = request.query;
      return asOf === undefined
        ? cached.neighbours(tenantId, id, wanted)
        : history.neighbours(tenantId, id, asOfFrom(asOf), wanted);
    },
  );

  app.get(
    '/entities/:id/neighbourhood',
    {
      schema: {
        ...common,
        summary: 'Everything within some links of it, now or as of then',
        params,
        querystring: queryOf({
          ...asOfParameter,
          ...atLeastParameter,
          depth: Type.Integer({ minimum: 1, maximum: limits.neighbourhoodDepthMax, default: 1 }),
        }),
        response: { 200: perhapsAsOf(Neighbourhood), ...refusals },
      },
      preHandler: atLeast.graph,
    },
    (request) => {
      const { cached, history } = gate.backend;
      const tenantId = tenantOf(request);
      const { id } = request.params;
      const { asOf, depth } = request.query;
      return asOf === undefined
        ? cached.neighbourhood(tenantId, id, depth)
        : history.neighbourhood(tenantId, id, asOfFrom(asOf), depth);
    },
  );
}

const cursorOf = (revision: number): string => Buffer.from(`r${revision}`).toString('base64url');

function revisionOf(cursor: string): number {
  const [, digits] = /^r(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (digits !== undefined) return Number(digits);
  throw new RuntimeError('REQUEST_INVALID', 'the cursor is not one of this list');
}
