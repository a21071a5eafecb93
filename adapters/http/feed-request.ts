/**
 * What a client asks of the feed, and whether it may.
 *
 * A browser can set no header on a WebSocket, so the tenant may stand in the query, too; where both are
 * given they must be the same. A page of another origin that opens a WebSocket is refused: browsers let it
 * through to any address that they reach, also to this machine's own.
 */
import type { FastifyRequest } from 'fastify';
import Type, { type Static, type TSchema } from 'typebox';
import { EntityType, RelationshipType } from '#actors';
import type { FeedRequest } from '#projections';
import { limits, RuntimeError } from '#runtime';
import { queryOf } from './http.ts';
import { assertOwnOrigin } from './origin.ts';
import { tenantNamed } from './tenant.ts';

/** A parameter that may come once or several times. */
function many<Item extends TSchema>(item: Item, maxItems: number, description: string) {
  return Type.Union([item, Type.Array(item, { maxItems })], { description });
}

const id = Type.String({ minLength: 1, maxLength: limits.idCharsMax });
const notifiedType = Type.Union([EntityType, RelationshipType]);

export const FeedQuery = queryOf({
  after: Type.Optional(
    Type.Integer({
      minimum: 0,
      description:
        'All that comes after this position, also what was missed; absent: what comes from now on. ' +
        'The header `Last-Event-ID` says the same, and counts where both are given.',
    }),
  ),
  entity: Type.Optional(
    many(id, limits.feedEntitiesMax, 'Only of these entities and their relationships.'),
  ),
  type: Type.Optional(many(notifiedType, 8, 'Only entities or relationships of these types.')),
  neighbourhood: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: limits.idCharsMax,
      description:
        'Only of this entity, its relationships, and the entities at their other ends: those of the ' +
        `moment. At most ${limits.feedNeighboursMax} relationships.`,
    }),
  ),
  session: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: limits.idCharsMax,
      description: 'Also the query results of this session.',
    }),
  ),
  tenant: Type.Optional(Type.String({ description: 'In place of the header X-Tenant-Id.' })),
});

/** Throws TENANT_INVALID, TENANT_MISMATCH, ORIGIN_REFUSED or REQUEST_INVALID. */
export function feedRequestOf(
  request: FastifyRequest,
  query: Static<typeof FeedQuery>,
): FeedRequest {
  assertOwnOrigin(request);
  const { after, entity, neighbourhood, session, type } = query;
  const from = lastEventId(request) ?? after;
  return {
    tenantId: tenantNamed(query.tenant, request),
    ...(from !== undefined && { after: from }),
    ...(entity !== undefined && { entities: [entity].flat() }),
    ...(type !== undefined && { types: [type].flat() }),
    ...(neighbourhood !== undefined && { neighbourhood: plain(neighbourhood) }),
    ...(session !== undefined && { sessionId: session }),
  };
}

function lastEventId({ headers }: FastifyRequest): number | undefined {
  const stated = headers['last-event-id'];
  if (stated === undefined || stated === '') return undefined;
  if (typeof stated === 'string' && /^\d{1,15}$/.test(stated)) return Number(stated);
  throw new RuntimeError('REQUEST_INVALID', 'Last-Event-ID is no position of this feed');
}

function plain(text: string): string {
  if (!text.includes('\0')) return text;
  throw new RuntimeError('REQUEST_INVALID', 'neighbourhood holds a NUL character');
}
