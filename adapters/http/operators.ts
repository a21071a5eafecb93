/**
 * What only operators may do, and that it is on record before it is done.
 *
 *     request ─▶ token ─▶ body, parameters ─▶ `begun`, durable ─▶ handler ─▶ how it went
 *                 401          400                 503
 *
 * Reading is counted, not recorded one by one. Without operators everybody is `anonymous` and may do all;
 * infra warns of it where others than this machine can come.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Act, type AuditTrail, type Outcome, RuntimeError } from '#runtime';
import type { Http } from './http.ts';

export interface Operator {
  readonly name: string;
  readonly token: string;
}

/** The scheme of `Authorization` in the documentation. */
export const operatorScheme = 'operator';

/** Everything that `app` gets from now on is for operators, and on record. */
export function forOperators(app: Http, operators: readonly Operator[], trail: AuditTrail): void {
  const lodge = new Lodge(operators);
  const begun = new WeakMap<FastifyRequest, Act>();
  app.addHook('onRoute', (route) => {
    route.schema = { ...route.schema, security: [{ [operatorScheme]: [] }] };
  });
  app.addHook('onRequest', async (request) => {
    request.who = lodge.admit(request.headers.authorization);
  });
  app.addHook('preHandler', async (request) => {
    if (isReading(request)) return;
    const act = adminAct(request);
    await trail.begin(act);
    begun.set(request, act);
  });
  app.addHook('onResponse', async (request, reply) => {
    const act = begun.get(request);
    if (act !== undefined) trail.end(act, outcomeOf(request, reply));
    else trail.count(adminAct(request), outcomeOf(request, reply));
  });
}

/** Counts who was let in or refused on the routes that `app` gets from now on. */
export function counted(app: Http, kind: Act['kind'], trail: AuditTrail): void {
  app.addHook('onResponse', async (request, reply) => {
    trail.count(actOf(request, kind), outcomeOf(request, reply));
  });
}

const isReading = ({ method }: FastifyRequest) => method === 'GET' || method === 'HEAD';

function actOf({ ip, method, routeOptions, who }: FastifyRequest, kind: Act['kind']): Act {
  return { kind, who: who ?? 'unknown', action: `${method} ${routeOptions.url}`, from: ip };
}

/** Of somebody who was not let in, that it was tried. */
function adminAct(request: FastifyRequest): Act {
  const { body, headers, id, params, who } = request;
  if (who === null) return actOf(request, 'authentication');
  const act = actOf(request, 'admin');
  if (isReading(request)) return act;
  const tenant = headers['x-tenant-id'];
  const target = JSON.stringify({ tenant, ...(params as object), ...(body as object) });
  return { ...act, id, target };
}

function outcomeOf({ refusal }: FastifyRequest, { statusCode }: FastifyReply): Outcome {
  if (statusCode < 400) return { outcome: statusCode === 202 ? 'accepted' : 'done' };
  const outcome = statusCode < 500 ? 'refused' : 'failed';
  return refusal === null ? { outcome } : { outcome, code: refusal };
}

/** Knows the operators by their tokens. */
class Lodge {
  readonly #operators: readonly { readonly name: string; readonly digest: Buffer }[];

  constructor(operators: readonly Operator[]) {
    this.#operators = operators.map(({ name, token }) => ({ name, digest: digestOf(token) }));
  }

  /** Whose token it is. Throws OPERATOR_REFUSED. */
  admit(authorization: string | undefined): string {
    if (this.#operators.length === 0) return 'anonymous';
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) {
      throw new RuntimeError('OPERATOR_REFUSED', 'the request has no bearer token');
    }
    const digest = digestOf(token);
    // All are compared, each in the same time: how long it takes tells nothing of any token.
    const [found] = this.#operators.filter((one) => timingSafeEqual(one.digest, digest));
    if (found === undefined) {
      throw new RuntimeError('OPERATOR_REFUSED', "the request's token is no operator's");
    }
    return found.name;
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
