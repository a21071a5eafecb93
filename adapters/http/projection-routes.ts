/**
 * The projections: where each stands, and their upkeep.
 *
 * A rebuild, a switch or a verification is begun with 202 and goes on in the background; GET /projections
 * shows how far it is (`rebuild`) and how the last one ended (`upkeep`).
 */
import Type from 'typebox';
import { type GenerationStatus, type Projector, type RebuildOptions, RuntimeError } from '#runtime';
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
  kind: Type.Enum(['rebuild', 'switch', 'verify']),
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
  generations: nullable(
    Type.Array(
      Type.Object({
        number: Type.Integer(),
        version: Type.Integer({ description: 'Of the code that built it.' }),
        position: Type.Integer({ description: 'Its stored checkpoint.' }),
        state: Type.Enum(['live', 'kept', 'building'], {
          description:
            'Building: unfinished, or cut off and waiting for the next rebuild to go on.',
        }),
      }),
      { description: 'Null while the read store does not answer.' },
    ),
  ),
  rebuild: nullable(
    Type.Object({
      phase: Type.Enum(['loading', 'indexing']),
      position: Type.Integer(),
      head: Type.Integer(),
      eventsPerSecond: Type.Number(),
      secondsLeft: nullable(Type.Number()),
    }),
  ),
  upkeep: nullable(Upkeep),
});

const Rebuilding = nullable(
  Type.Object(
    {
      rate: Type.Optional(
        Type.Integer({ minimum: 1, description: 'Events a second at most; absent: no bound.' }),
      ),
      keep: Type.Optional(
        Type.Boolean({ description: 'Keep the rows that are replaced, to switch back to.' }),
      ),
    },
    { additionalProperties: false },
  ),
);

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
      const { runtime } = gate.backend;
      const projections = await runtime.projections();
      const items = projections.map(async (status) => ({
        ...status,
        generations: await generationsOf(runtime.projector(status.name)),
        upkeep: desk.of(status.name),
      }));
      return { items: await Promise.all(items), next: null };
    },
  );
  app.post(
    '/projections/:name/rebuild',
    {
      schema: {
        ...begun('Build it anew from the log, beside the live rows, then take their place'),
        body: Rebuilding,
      },
    },
    async ({ params, body }, reply) => {
      const { rate, keep = false } = body ?? {};
      const options: RebuildOptions = {
        keepsOld: keep,
        ...(rate !== undefined && { eventsPerSecondMax: rate }),
      };
      const upkeep = begin(params.name, 'rebuild', options);
      return reply.code(202).header('location', '/projections').send(upkeep);
    },
  );
  app.post(
    '/projections/:name/switch',
    {
      schema: begun('Bring the kept rows up to date and make them live again; the others are kept'),
    },
    async ({ params }, reply) =>
      reply.code(202).header('location', '/projections').send(begin(params.name, 'switch')),
  );
  app.post(
    '/projections/:name/verify',
    { schema: begun('Replay the log into a scratch copy and compare checksums') },
    async ({ params }, reply) =>
      reply.code(202).header('location', '/projections').send(begin(params.name, 'verify')),
  );

  function begin(name: string, kind: UpkeepKind, options?: RebuildOptions): UpkeepView {
    return desk.begin(gate.backend.runtime.projector(name), kind, options);
  }
}

/** The schema of a route that begins something. */
function begun(summary: string) {
  return {
    tags: ['projections'],
    summary,
    params: Type.Object({ name: Type.String() }),
    response: { 202: Upkeep, ...refusals },
  };
}

/** Where it stands is told though the read store is away. */
async function generationsOf(projector: Projector): Promise<readonly GenerationStatus[] | null> {
  try {
    return await projector.generations();
  } catch (thrown) {
    if (thrown instanceof RuntimeError && thrown.retryable) return null;
    throw thrown;
  }
}
