/**
 * Whether the process lives, and whether it should get requests.
 *
 * A projection that stopped is shown and does not make the node unready: webhooks and commands only need
 * the log, and a sender that is turned away may never come again, while rows can be rebuilt.
 */
import Type from 'typebox';
import { type Clock, type ErrorCode, type Limits, RuntimeError, toRuntimeError } from '#runtime';
import type { Backend } from './backend.ts';
import type { Gate } from './gate.ts';
import { type Http, refusals } from './http.ts';
import { problemMediaType, problemOf, retryAfterSeconds } from './problem.ts';

const Check = Type.Object({
  name: Type.String(),
  isWell: Type.Boolean(),
  code: Type.Optional(
    Type.String({ description: 'Of the error catalogue, where it is not well.' }),
  ),
});

export function healthRoutes(app: Http, gate: Gate, clock: Clock, limits: Limits): void {
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
      const checks = backend === null ? [] : await checksOf(backend, clock, limits.healthCheckMs);
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

interface Checked {
  readonly name: string;
  readonly isWell: boolean;
  readonly code?: ErrorCode;
}

function checksOf(
  { bus, log, readStore }: Backend,
  clock: Clock,
  patienceMs: number,
): Promise<readonly Checked[]> {
  /** Never rejects; what does not answer in time is not well. */
  const checked = async (name: string, late: ErrorCode, answer: Promise<unknown>) => {
    const patience = new AbortController();
    const timeout = clock.sleep(patienceMs, patience.signal).then(
      () => late,
      () => null,
    );
    try {
      const code = await Promise.race([answer.then(() => null), timeout]);
      return code === null ? { name, isWell: true } : { name, isWell: false, code };
    } catch (thrown) {
      return { name, isWell: false, code: toRuntimeError(thrown).code };
    } finally {
      patience.abort();
    }
  };
  return Promise.all([
    checked('bus', 'BUS_UNAVAILABLE', bus.check()),
    checked('log', 'LOG_UNAVAILABLE', log.head()),
    checked('read-store', 'READ_STORE_UNAVAILABLE', readStore.query('SELECT 1')),
  ]);
}
