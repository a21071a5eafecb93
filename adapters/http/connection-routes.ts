/** GET /connections: the connections of a tenant, and what came in over each. Never their secrets. */
import Type from 'typebox';
import { isSigned } from '#adapters/atlassian';
import type { ArrivalBook } from './arrivals.ts';
import type { Gate } from './gate.ts';
import { type Http, pageOf, refusals } from './http.ts';
import { TenantHeader, tenantOf } from './tenant.ts';

const Counts = Type.Record(Type.String(), Type.Integer());

const Connection = Type.Object({
  id: Type.String(),
  system: Type.Enum(['jira', 'confluence']),
  site: Type.Union([Type.String(), Type.Null()]),
  isSigned: Type.Boolean({ description: 'Whether deliveries must prove where they come from.' }),
  since: Type.Object(
    {
      accepted: Type.Integer(),
      ignored: Type.Record(Type.String(), Type.Integer(), { description: 'By event.' }),
      refused: Type.Record(Type.String(), Type.Integer(), { description: 'By error code.' }),
      unknownLinkTypes: Counts,
    },
    { description: 'Deliveries since this process began.' },
  ),
});

export function connectionRoutes(app: Http, gate: Gate, book: ArrivalBook): void {
  app.get(
    '/connections',
    {
      schema: {
        tags: ['webhooks'],
        summary: 'The connections of a tenant and what came in over them',
        headers: TenantHeader,
        response: { 200: pageOf(Connection), ...refusals },
      },
    },
    async (request) => {
      const tenantId = tenantOf(request);
      const own = [...gate.backend.connections.values()].filter(
        (connection) => connection.tenantId === tenantId,
      );
      const items = own.map((connection) => {
        const { accepted, ignored, refused, unknownLinkTypes } = book.of(connection.id);
        return {
          id: connection.id,
          system: connection.system,
          site: connection.site ?? null,
          isSigned: isSigned(connection),
          since: {
            accepted,
            ignored: ignored.toJSON(),
            refused: refused.toJSON(),
            unknownLinkTypes: unknownLinkTypes.toJSON(),
          },
        };
      });
      return { items, next: null };
    },
  );
}
