/**
 * POST /search: what fits a question, by words and by meaning. POST /query: that as a context for a prompt,
 * with citations, and what the language model makes of it. GET /provenance: what a passage is made of.
 *
 *     query ─▶ the ContextAnswer, with the whole answer in it where that is asked for      (JSON)
 *          ├─▶ the ContextAnswer, then the answer as it is written           (answer-events.ts)
 *          ╰─▶ 202, and the result to a session                              (session-queries.ts)
 *
 * Every answer says up to where graph and index were in it (`positions`).
 */
import type { FastifyReply } from 'fastify';
import Type from 'typebox';
import {
  type Chat,
  type Clock,
  type Ids,
  type Limits,
  RuntimeError,
  limits as standardLimits,
} from '#runtime';
import { answerOf, sendEvents } from './answer-events.ts';
import { type AtLeast, atLeastParameter, leavingOf } from './at-least.ts';
import type { Gate } from './gate.ts';
import { type Http, queryOf, refusals } from './http.ts';
import {
  ContextAnswer,
  Provenance,
  QueryAnswer,
  QueryBody,
  SearchAnswer,
  SearchBody,
} from './retrieval-schema.ts';
import type { SessionQueries } from './session-queries.ts';
import { TenantHeader, tenantOf } from './tenant.ts';

interface Surroundings {
  readonly gate: Gate;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
  readonly atLeast: AtLeast;
  readonly sessions: SessionQueries;
}

const common = { tags: ['retrieval'], headers: TenantHeader };
const events = 'text/event-stream';

export function retrievalRoutes(app: Http, around: Surroundings): void {
  const { atLeast, gate, ids, sessions } = around;
  app.post(
    '/search',
    {
      schema: {
        ...common,
        summary: 'Search by words and by meaning, best first',
        description:
          'Comments count for what they stand on. Where the model can not be asked, it is searched by ' +
          'words alone, and `vectors` says so.',
        querystring: queryOf(atLeastParameter),
        body: SearchBody,
        response: { 200: SearchAnswer, ...refusals },
      },
    },
    async (request, reply) => {
      await reached(request.query.atLeast, request.body.mode, reply);
      const { retrieval } = gate.backend;
      return retrieval.search(tenantOf(request), request.body, leavingOf(reply));
    },
  );

  app.post(
    '/query',
    {
      schema: {
        ...common,
        summary: 'A context for a prompt, with citations; and an answer, where it is asked for',
        description: [
          'The context is made of what the search finds and of what that is linked to. With `stream` the',
          'answer comes as events: `context` (all of it but the answer), `text` (`{"text"}`, piece by',
          'piece), then `done` (`{"model"}`), or `error` (a problem) where it breaks off.',
          '',
          'With `sessionId` it is answered 202, and the result is a QUERY_RESULT of GET /feed?session=….',
          'Follow first: nothing keeps it. Its `metadata.confidence` is the mean of the reciprocal ranks',
          'of the best hit by words and by meaning: 1 where it is first by both, 0 where there is none.',
        ].join('\n'),
        querystring: queryOf(atLeastParameter),
        body: QueryBody,
        response: {
          200: {
            description: 'The context, and the answer.',
            content: {
              'application/json': { schema: QueryAnswer },
              [events]: { schema: ContextAnswer },
            },
          },
          202: Type.Object({ queryId: Type.String() }),
          ...refusals,
        },
      },
    },
    async (request, reply) => {
      const { answer = false, stream, sessionId, queryId, ...asked } = request.body;
      const isStreamed = stream ?? request.headers.accept?.includes(events) ?? false;
      const chat = answer || isStreamed ? chatBehind() : null;
      const tenantId = tenantOf(request);
      if (sessionId !== undefined && isStreamed) {
        const message = 'an answer is streamed to this client or told to a session, not both';
        throw new RuntimeError('REQUEST_INVALID', message);
      }
      await reached(request.query.atLeast, asked.mode, reply);
      if (sessionId !== undefined) {
        const query = { tenantId, sessionId, queryId: queryId ?? ids.random() };
        sessions.begin(gate.backend, { ...query, request: asked, chat });
        return reply.code(202).send({ queryId: query.queryId });
      }
      const signal = leavingOf(reply);
      const context = await gate.backend.retrieval.query(tenantId, asked, signal);
      if (chat === null) return context;
      const answering = { chat, question: asked.q, context, signal };
      if (isStreamed) return sendEvents(reply, answering, around);
      return { ...context, answer: await answerOf(answering) };
    },
  );

  app.get(
    '/provenance/:chunkId',
    {
      schema: {
        ...common,
        summary: 'The event, the message and the webhook that a passage is made of',
        params: Type.Object({
          chunkId: Type.String({ minLength: 1, maxLength: standardLimits.chunkIdCharsMax }),
        }),
        response: { 200: Provenance, ...refusals },
      },
    },
    (request) => gate.backend.retrieval.provenance(tenantOf(request), request.params.chunkId),
  );

  /** What is found by words alone needs no index. */
  function reached(position: number | undefined, mode: string | undefined, reply: FastifyReply) {
    return atLeast.reached(reply, { atLeast: position, isIndexWanted: mode !== 'words' });
  }

  function chatBehind(): Chat {
    const { chat } = gate.backend;
    if (chat !== null) return chat;
    throw new RuntimeError('CHAT_UNCONFIGURED', 'an answer is asked for, and nothing can write it');
  }
}
