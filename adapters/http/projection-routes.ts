/**
 * The projections: where each stands, and their upkeep.
 *
 * A rebuild or a verification is begun with 202 and goes on in the background; GET /projections shows how
 * far it is (`rebuild`) and how the last one ended (`upkeep`).
 */
import Type from 'typebox';
import type { Projector } from '#runtime';
import type { Gate } from './gate.ts';
import { type Http, pageOf, refusals } from './http.ts';
import type { UpkeepDesk, UpkeepKind } from './upkeep.ts';

const Failure = Type.Object({ code: Type.String(), message: Type.String() });
const Digest = Type.Object({
  rows: Type.Integer(),
  digest: Type.String(),
  position: Type.Integer(),
});
const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

const Upkeep = Type.Object({
  id: Type.String(),
  kind: Type.Enum(['rebuild', 'verify']),
  state: Type.Enum(['running', 'done', 'failed']),
  startedAt: Type.String(),
  endedAt: nullable(Type.String()),
  error: nullable(Failure),
  verification: nullable(
    Type.Object({
      name: Type.String(),
      position: Type.Integer(),
      isSame: Type.Boolean({ description: 'Whether a replay of history gives the same rows.' }),
      live: Digest,
      replayed: Digest,
    }),
  ),
});

const Projection = Type.Object({
  name: Type.String(),
  version: Type.Integer(),
  status: Type.Enum(['starting', 'catching-up', 'live', 'retrying', 'stopped', 'paused']),
  position: Type.Integer({ description: 'Applied up to here.' }),
  head: Type.Integer({ description: 'The end of the log.' }),
  lag: Type.Integer(),
  eventsPerSecond: Type.Number(),
  error: nullable(Failure),
  rebuild: nullable(
    Type.Object({
      position: Type.Integer(),
      head: Type.Integer(),
      eventsPerSecond: Type.Number(),
      secondsLeft: nullable(Type.Number()),
    }),
  ),
  upkeep: nullable(Upkeep),
});

export type UpkeepView = Type.Static<typeof Upkeep>;
export type ProjectionView = Type.Static<typeof Projection>;

export function projectionRoutes(app: Http, gate: Gate, desk: UpkeepDesk): void {
  app.get(
    '/projections',
    {
      schema: {
        tags: ['projections'],
        summary: 'Every projection with its position, lag and rate',
        response: { 200: pageOf(Projection), ...refusals },
      },
    },
    async () => {
      const projections = await gate.backend.runtime.projections();
      return {
        items: projections.map((status) => ({ ...status, upkeep: desk.of(status.name) })),
        next: null,
      };
    },
  );
  begin('rebuild', 'Build it anew from the log, beside the live rows, then take their place');
  begin('verify', 'Replay the log into a scratch copy and compare checksums');

  function begin(kind: UpkeepKind, summary: string): void {
    app.post(
      `/projections/:name/${kind}`,
      {
        schema: {
          tags: ['projections'],
          summary,
          params: Type.Object({ name: Type.String() }),
          response: { 202: Upkeep, ...refusals },
        },
      },
      async ({ params }, reply) => {
        const projector: Projector = gate.backend.runtime.projector(params.name);
        return reply.code(202).header('location', '/projections').send(desk.begin(projector, kind));
      },
    );
  }
}
