/**
 * The projections: where each stands, how far a rebuild is (`rebuild`), and how the last upkeep goes or
 * ended (`upkeep`). One of several projections shows with each of them, under one id.
 */
import Type from 'typebox';
import { type GenerationStatus, type Projector, RuntimeError } from '#runtime';
import type { Gate } from './gate.ts';
import { type Http, pageOf, refusals } from './http.ts';
import type { UpkeepDesk } from './upkeep.ts';

const Failure = Type.Object({ code: Type.String(), message: Type.String() });
const Digest = Type.Object({
  rows: Type.Integer(),
  digest: Type.String(),
  position: Type.Integer(),
});
export const nullable = <Schema extends Type.TSchema>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

export const Upkeep = Type.Object({
  id: Type.String(),
  kind: Type.Enum(['rebuild', 'switch', 'verify']),
  by: Type.String({ description: 'The operator who asked for it.' }),
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
