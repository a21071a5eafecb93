/** Whether the process lives, whether it should get requests, and how each part of it is (health.ts). */
import Type, { type Static } from 'typebox';
import { type ErrorCode, RuntimeError } from '#runtime';
import type { Gate } from './gate.ts';
import type { NodeHealth } from './health.ts';
import type { Checked } from './health-check.ts';
import { type Http, refusals } from './http.ts';
import { problemMediaType, problemOf, retryAfterSeconds } from './problem.ts';

const Check = Type.Object({
  name: Type.String(),
  isWell: Type.Boolean(),
  code: Type.Optional(
    Type.String({ description: 'Of the error catalogue, where it is not well.' }),
  ),
});

const Status = Type.Enum(['healthy', 'degraded', 'unhealthy']);

const Report = Type.Object({
  status: Status,
  checkedAt: Type.String({ description: 'ISO 8601; an answer is used for a second.' }),
  phase: Type.Enum(['starting', 'ready', 'draining']),
  checks: Type.Array(
    Type.Object({
      name: Type.String(),
      status: Status,
      details: Type.Record(Type.String(), Type.Unknown(), {
        description:
          'Where it is not well: `hint`, what to do about it, and `error`, a code of the catalogue, if it has one.',
      }),
      durationMs: Type.Number(),
    }),
  ),
});

export type HealthView = Static<typeof Report>;

export function healthRoutes(app: Http, gate: Gate, health: NodeHealth): void {
  app.get(
    '/health',
    {
      schema: {
        tags: ['health'],
        summary: 'How each part of the node is; 503 where it is unhealthy',
        response: { 200: Report, 503: Report },
      },
    },
    async (_request, reply) => {
      const report = await health.report();
      reply.code(report.status === 'unhealthy' ? 503 : 200).header('cache-control', 'no-store');
      return report;
    },
  );
  app.get(
    '/health/live',
    {
      schema: {
        tags: ['health'],
        summary: 'The process is up',
        response: { 200: Type.Object({ status: Type.Literal('up') }) },
      },
    },
    async () => ({ status: 'up' }) as const,
  );
  app.get(
    '/health/ready',
    {
      schema: {
        tags: ['health'],
        summary: 'The node takes requests: bus, log and read store answer, and it is not draining',
        response: {
          200: Type.Object({
            status: Type.Literal('ready'),
            checks: Type.Array(Check),
            stoppedProjections: Type.Array(Type.String()),
          }),
          ...refusals,
        },
      },
    },
    async (request, reply) => {
      const backend = gate.backendBehind;
      const checks = (await health.essentials()).map(briefly);
      const code = checks.find(({ isWell }) => !isWell)?.code;
      const failure = gate.refusal ?? (code && new RuntimeError(code, 'a check failed'));
      if (failure) {
        const problem = { ...problemOf(failure, request.id), data: { checks } };
        reply.code(problem.status).header('retry-after', retryAfterSeconds);
        return reply.type(problemMediaType).send(problem as never);
      }
      const projections = (await backend?.runtime.projections()) ?? [];
      const stopped = projections.filter(({ status }) => status === 'stopped');
      return {
        status: 'ready',
        checks,
        stoppedProjections: stopped.map(({ name }) => name),
      } as const;
    },
  );
}

function briefly({ details, name, status }: Checked) {
  const isWell = status === 'healthy';
  return isWell ? { name, isWell } : { name, isWell, code: details.error as ErrorCode };
}
