/**
 * The upkeep of projections: rebuild, switch back, verify. Each is begun with 202 and goes on in the
 * background; GET /projections shows how it goes, and how the last one ended.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Projector, RebuildOptions } from '#runtime';
import type { Gate } from './gate.ts';
import { type Http, refusals } from './http.ts';
import { nullable, Upkeep } from './projection-routes.ts';
import type { UpkeepDesk } from './upkeep.ts';

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

export function upkeepRoutes(app: Http, gate: Gate, desk: UpkeepDesk): void {
  changeRoutes(app, gate, desk);
  app.post(
    '/projections/:name/verify',
    {
      schema: {
        ...begun('Replay the log into a scratch copy and compare checksums'),
        params: OfOne,
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const projector = gate.backend.runtime.projector(name);
      const upkeep = desk.begin('verify', byWhom(request), [name], () => projector.verify());
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
    async (request, reply) =>
      accepted(reply, rebuild(byWhom(request), request.body.names, request.body)),
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
    async (request, reply) =>
      accepted(reply, rebuild(byWhom(request), [request.params.name], request.body ?? {})),
  );
  app.post(
    '/projections/switch',
    {
      schema: {
        ...begun('Switch several back to their kept rows, in one transaction'),
        body: Type.Object(names, closed),
      },
    },
    async (request, reply) => accepted(reply, switchBack(byWhom(request), request.body.names)),
  );
  app.post(
    '/projections/:name/switch',
    {
      schema: {
        ...begun('Bring the kept rows up to date and make them live again; the others are kept'),
        params: OfOne,
      },
    },
    async (request, reply) => accepted(reply, switchBack(byWhom(request), [request.params.name])),
  );

  function rebuild(by: string, names: readonly string[], { rate, keep = false }: Rebuilding) {
    const [projector, beside] = projectorsOf(names);
    const options: RebuildOptions = {
      keepsOld: keep,
      ...(rate !== undefined && { eventsPerSecondMax: rate }),
    };
    return desk.begin('rebuild', by, names, async () => {
      await projector.rebuild({ ...options, beside });
      return null;
    });
  }

  function switchBack(by: string, names: readonly string[]) {
    const [projector, beside] = projectorsOf(names);
    return desk.begin('switch', by, names, async () => {
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

/** An operator, as every request here is one's. */
function byWhom({ who }: FastifyRequest): string {
  return who ?? 'anonymous';
}

function accepted<Begun>(reply: FastifyReply, upkeep: Begun): Begun {
  reply.code(202).header('location', '/projections');
  return upkeep;
}

/** The schema of a route that begins something. */
function begun(summary: string) {
  return { tags: ['projections'], summary, response: { 202: Upkeep, ...refusals } };
}
