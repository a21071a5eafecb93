/**
 * The projections: where each stands, and their upkeep.
 *
 * A rebuild, a switch or a verification is begun with 202 and goes on in the background; GET /projections
 * shows how far it is (`rebuild`) and how the last one ended (`upkeep`). One of several projections shows
 * with each of them, under one id.
 */
import type { FastifyReply } from 'fastify';
import Type from 'typebox';
import { type GenerationStatus, type Projector, type RebuildOptions, RuntimeError } from '#runtime';
import type { Gate } from './gate.ts';
import { type Http, pageOf, refusals } from './http.ts';
import type { UpkeepDesk } from './upkeep.ts';

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
  projections: Type.Array(Type.String(), { description: 'All that it is about.' }),
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
      phase: Type.Enum(['loading', 'indexing', 'waiting'], {
        description: 'Waiting: ready, for those that change in the same transaction.',
      }),
      position: Type.Integer(),
      head: Type.Integer(),
      eventsPerSecond: Type.Number(),
      secondsLeft: nullable(Type.Number()),
    }),
  ),
  upkeep: nullable(Upkeep),
});

const rebuilding = {
  rate: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'Events a second at most, of all together; absent: no bound.',
    }),
  ),
  keep: Type.Optional(
    Type.Boolean({ description: 'Keep the rows that are replaced, to switch back to.' }),
  ),
};
const names = {
  names: Type.Array(Type.String(), {
    minItems: 1,
    uniqueItems: true,
    description: 'Of projections that have rows.',
  }),
};
const closed = { additionalProperties: false };
const OfOne = Type.Object({ name: Type.String() });

interface Rebuilding {
  readonly rate?: number;
  readonly keep?: boolean;
}

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
  changeRoutes(app, gate, desk);
  app.post(
    '/projections/:name/verify',
    {
      schema: {
        ...begun('Replay the log into a scratch copy and compare checksums'),
        params: OfOne,
      },
    },
    async ({ params: { name } }, reply) => {
      const projector = gate.backend.runtime.projector(name);
      const upkeep = desk.begin('verify', [name], () => projector.verify());
      return accepted(reply, upkeep);
    },
  );
}

/** What changes the rows that readers see, of one projection or of several in one transaction. */
function changeRoutes(app: Http, gate: Gate, desk: UpkeepDesk): void {
  app.post(
    '/projections/rebuild',
    {
      schema: {
        ...begun('Build several anew from the log; all take their place in one transaction'),
        body: Type.Object({ ...names, ...rebuilding }, closed),
      },
    },
    async ({ body }, reply) => accepted(reply, rebuild(body.names, body)),
  );
  app.post(
    '/projections/:name/rebuild',
    {
      schema: {
        ...begun('Build it anew from the log, beside the live rows, then take their place'),
        params: OfOne,
        body: nullable(Type.Object(rebuilding, closed)),
      },
    },
    async ({ params, body }, reply) => accepted(reply, rebuild([params.name], body ?? {})),
  );
  app.post(
    '/projections/switch',
    {
      schema: {
        ...begun('Switch several back to their kept rows, in one transaction'),
        body: Type.Object(names, closed),
      },
    },
    async ({ body }, reply) => accepted(reply, switchBack(body.names)),
  );
  app.post(
    '/projections/:name/switch',
    {
      schema: {
        ...begun('Bring the kept rows up to date and make them live again; the others are kept'),
        params: OfOne,
      },
    },
    async ({ params }, reply) => accepted(reply, switchBack([params.name])),
  );

  function rebuild(names: readonly string[], { rate, keep = false }: Rebuilding) {
    const [projector, beside] = projectorsOf(names);
    const options: RebuildOptions = {
      keepsOld: keep,
      ...(rate !== undefined && { eventsPerSecondMax: rate }),
    };
    return desk.begin('rebuild', names, async () => {
      await projector.rebuild({ ...options, beside });
      return null;
    });
  }

  function switchBack(names: readonly string[]) {
    const [projector, beside] = projectorsOf(names);
    return desk.begin('switch', names, async () => {
      await projector.switchBack({ beside });
      return null;
    });
  }

  /** The first of at least one, and the others. Throws PROJECTION_UNKNOWN. */
  function projectorsOf(names: readonly string[]): readonly [Projector, readonly Projector[]] {
    const { runtime } = gate.backend;
    const [first, ...others] = names.map((name) => runtime.projector(name));
    return [first!, others];
  }
}

function accepted<Begun>(reply: FastifyReply, upkeep: Begun): Begun {
  reply.code(202).header('location', '/projections');
  return upkeep;
}

/** The schema of a route that begins something. */
function begun(summary: string) {
  return { tags: ['projections'], summary, response: { 202: Upkeep, ...refusals } };
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
