/**
 * POST /mcp: the tools of language models, over the Streamable HTTP of the Model Context Protocol.
 *
 * Stateless: there is no session, so no GET to listen on and no DELETE to end one; both are 405, which
 * the protocol provides for. One message a request. What is refused before the protocol begins (tenant,
 * origin, a node that is not up) is a problem, as everywhere.
 */
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { limits } from '#runtime';
import { leavingOf } from './at-least.ts';
import type { Gate } from './gate.ts';
import { type Http, refusals } from './http.ts';
import { assertOwnAddress } from './origin.ts';
import { errorOfRequest, type Problem, problemOf } from './problem.ts';
import { TenantHeader, tenantOf } from './tenant.ts';

/** Headers that the protocol reads. */
const protocolHeaders = ['accept', 'content-type', 'mcp-protocol-version'] as const;

export function mcpRoutes(app: Http, gate: Gate, version: string): void {
  app.post(
    '/mcp',
    {
      bodyLimit: limits.mcpMessageBytesMax,
      schema: {
        tags: ['graph'],
        summary: 'Model Context Protocol: tools for language models',
        description:
          'Streamable HTTP without a session: one JSON-RPC message a request. `Accept` must name ' +
          '`application/json` and `text/event-stream`. `tools/list` says what there is.',
        headers: TenantHeader,
        body: Type.Object({}, { description: 'A JSON-RPC 2.0 message.' }),
        response: {
          200: Type.Object({}, { description: 'The JSON-RPC response.' }),
          202: Type.Null({ description: 'A notification is taken.' }),
          ...refusals,
        },
      },
      onRequest: async (request) => assertOwnAddress(request),
    },
    async (request, reply) => {
      const tenantId = tenantOf(request);
      const knowledge = gate.backend;
      // The protocol's library takes 200 ms to load: not before somebody speaks it.
      const { answerMcp } = await import('#adapters/mcp');
      const asked = new Request('http://node/mcp', {
        method: 'POST',
        headers: headersOf(request),
      });
      const answer = await answerMcp(asked, request.body, {
        tenantId,
        knowledge,
        signal: leavingOf(reply),
        version,
        refusalOf: (thrown) => refusalIn(request, thrown),
      });
      // Fastify sends a Response as it is; its types, with a schema for each status, don't know that.
      return reply.send(answer as never);
    },
  );
}

function headersOf({ headers }: FastifyRequest): Headers {
  const wanted = new Headers();
  for (const name of protocolHeaders) {
    const value = headers[name];
    if (typeof value === 'string') wanted.set(name, value);
  }
  return wanted;
}

/** What a tool could not do, for its caller; the log has the rest under the request's id. */
function refusalIn(request: FastifyRequest, thrown: unknown): Problem {
  const error = errorOfRequest(thrown);
  const problem = problemOf(error, request.id);
  const { code, status } = problem;
  if (status < 500) request.log.info({ code, detail: error.message }, 'tool refused');
  else if (error.retryable) request.log.warn({ code, detail: error.message }, 'tool put off');
  else request.log.error({ code, err: error }, 'tool failed');
  return problem;
}
