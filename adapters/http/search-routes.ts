/** GET /search: full text, page by page; POST /search (retrieval-routes.ts) finds by meaning, too. */
import Type from 'typebox';
import { limits } from '#runtime';
import { type AtLeast, atLeastParameter } from './at-least.ts';
import type { Gate } from './gate.ts';
import { Entity, EntityType } from './graph-schema.ts';
import { type Http, pageOf, paging, queryOf, refusals } from './http.ts';
import { TenantHeader, tenantOf } from './tenant.ts';

const Found = Type.Object({
  entity: Entity,
  rank: Type.Number({ description: 'The more, the better; comparable within one query.' }),
  snippet: Type.String({ description: 'Plain text around the matches, which stand in **.' }),
});

export function searchRoutes(app: Http, gate: Gate, atLeast: AtLeast): void {
  app.get(
    '/search',
    {
      schema: {
        tags: ['graph'],
        summary: 'Search the text of entities, best first',
        headers: TenantHeader,
        querystring: queryOf({
          ...paging,
          ...atLeastParameter,
          q: Type.String({
            minLength: 1,
            maxLength: limits.searchQueryCharsMax,
            description: 'Words that must all be there; "a phrase", `or`, `-without`.',
          }),
          type: Type.Optional(EntityType),
        }),
        response: { 200: pageOf(Found), ...refusals },
      },
      preHandler: atLeast.graph,
    },
    (request) => gate.backend.graph.search(tenantOf(request), request.query),
  );
}
