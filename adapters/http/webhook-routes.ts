/**
 * POST /webhooks/<connection>: a source tells what happened.
 *
 *     connection ─▶ signature ─▶ JSON ─▶ event ─▶ messages ─▶ bus ─▶ 202 when all are durable
 *        404           401        400     400       400, 413   503
 *
 * Whatever may pass is 503, never a 4xx: a sender takes those for its last word and drops the event. An
 * event that nobody uses is 202 and counted. What an actor then refuses ends in the dead letters: the
 * delivery was right, and sending it again would not help.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { type Query, readDelivery, SiteMemory } from '#adapters/atlassian';
import { type Clock, RuntimeError, toRuntimeError } from '#runtime';
import type { ArrivalBook } from './arrivals.ts';
import { tellPosition } from './at-least.ts';
import type { Gate } from './gate.ts';
import { type Http, refusals } from './http.ts';
import { bytesOf } from './raw-body.ts';

const Accepted = Type.Object({
  event: Type.String(),
  messages: Type.Integer({ description: 'What it came to; 0 for an event that is not used.' }),
});

const connectionId = Type.String();
const event = Type.String({ description: 'For senders whose bodies name no event.' });
const token = Type.String({ description: 'For senders that cannot sign; as well as ?token=.' });

interface Params {
  readonly connectionId: string;
  readonly event?: string;
  readonly token?: string;
}

export function webhookRoutes(app: Http, gate: Gate, book: ArrivalBook, clock: Clock): void {
  const sites = new SiteMemory();
  const routes = [
    ['/webhooks/:connectionId', Type.Object({ connectionId })],
    ['/webhooks/:connectionId/:event', Type.Object({ connectionId, event })],
    ['/webhooks/:connectionId/:event/:token', Type.Object({ connectionId, event, token })],
  ] as const;
  for (const [url, params] of routes) {
    app.post(
      url,
      {
        schema: {
          tags: ['webhooks'],
          summary: 'Deliver an event of Jira or Confluence',
          description:
            'Signed with X-Hub-Signature, or with the token in the URL, as the connection asks. ' +
            'An event that the body does not name may stand in the path or in ?event=.',
          params,
          response: { 202: Accepted, ...refusals },
        },
      },
      (request, reply) => receive(request, request.params, reply),
    );
  }

  async function receive(request: FastifyRequest, params: Params, reply: FastifyReply) {
    const { backend } = gate;
    const { bus, connections, telemetry } = backend;
    const connection = connections.get(params.connectionId);
    if (connection === undefined) {
      throw new RuntimeError('CONNECTION_UNKNOWN', 'no connection has the id in this URL');
    }
    request.who = `connection:${connection.id}`;
    const arrivals = book.of(connection.id);
    try {
      const delivery = readDelivery(
        connection,
        {
          headers: request.headers,
          query: request.query as Query,
          eventFromPath: params.event,
          tokenFromPath: params.token,
          body: bytesOf(request),
          receivedAt: clock.now(),
        },
        sites,
      );
      if (delivery.ignored) {
        const { system } = connection;
        telemetry.record({ name: 'source-event-ignored', system, event: delivery.event });
      } else {
        await bus.publish(
          delivery.messages.map((message) => ({
            messageId: message.messageId,
            messageType: message.messageType,
            body: JSON.stringify(message),
          })),
        );
        await tellPosition(reply, backend);
      }
      arrivals.addAccepted(delivery);
      return reply.code(202).send({ event: delivery.event, messages: delivery.messages.length });
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      arrivals.addRefused(error.code);
      throw error;
    }
  }
}
