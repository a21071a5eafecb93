/** GET /paths: how two entities are connected. */
import Type from 'typebox';
import { limits } from '#runtime';
import { type AtLeast, atLeastParameter } from './at-least.ts';
import type { Gate } from './gate.ts';
import { Entity, Relationship } from './graph-schema.ts';
import { type Http, queryOf, refusals } from './http.ts';
import { TenantHeader, tenantOf } from './tenant.ts';

const end = Type.String({ minLength: 1, maxLength: limits.idCharsMax });

const Answer = Type.Object({
  path: Type.Union([
    Type.Object({
      length: Type.Integer({ description: 'Number of links.' }),
      nodes: Type.Array(Entity),
      edges: Type.Array(Relationship),
    }),
    Type.Null({ description: `They are not connected within ${limits.pathLengthMax} links.` }),
  ]),
});

export function pathRoutes(app: Http, gate: Gate, atLeast: AtLeast): void {
  app.get(
    '/paths',
    {
      schema: {
        tags: ['graph'],
        summary: 'A shortest path between two entities, whatever the direction of the links',
        headers: TenantHeader,
        querystring: queryOf({ ...atLeastParameter, from: end, to: end }),
        response: { 200: Answer, ...refusals },
      },
      preHandler: atLeast.graph,
    },
    async (request) => {
      const { from, to } = request.query;
      return { path: await gate.backend.graph.path(tenantOf(request), from, to) };
    },
  );
}
