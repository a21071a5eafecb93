/**
 * GET /feed: what changes in the graph, live, over Server-Sent Events, or over a WebSocket where the
 * request asks to upgrade. The same messages either way, each with its position in the log; who comes back
 * with the last one it got misses nothing and gets nothing twice.
 *
 * Everything that can be refused is refused before the upgrade, as a problem with its status. Followers
 * are no requests under way: the feed has bounds of its own.
 */
import type { IncomingMessage } from 'node:http';
import websocket from '@fastify/websocket';
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { type Admission, notificationSchemas } from '#projections';
import { type Clock, type Limits, RuntimeError } from '#runtime';
import { EventsLine } from './feed-events.ts';
import { FeedQuery, feedRequestOf } from './feed-request.ts';
import { type WebSocket, WebSocketLine } from './feed-websocket.ts';
import type { Gate } from './gate.ts';
import { type Http, refusals } from './http.ts';
import { refuseOtherMethods } from './other-methods.ts';
import { TenantHeader } from './tenant.ts';

const path = '/feed';

/** A client has nothing to say here; a control frame has 125 bytes at most. */
const clientBytesMax = 1_024;

const { CACHE_INVALIDATION: _, ...fed } = notificationSchemas;
const Message = Type.Union(Object.values(fed));

/** The one path whose connections may become WebSockets. */
export function mayUpgrade({ url = '' }: IncomingMessage): boolean {
  return url === path || url.startsWith(`${path}?`);
}

export async function feedRoutes(
  app: Http,
  gate: Gate,
  clock: Clock,
  limits: Limits,
): Promise<void> {
  const admissions = new WeakMap<FastifyRequest, Admission>();
  const admissionOf = (request: FastifyRequest): Admission => {
    const admission = admissions.get(request);
    if (admission !== undefined) return admission;
    throw new RuntimeError('INVARIANT_BROKEN', 'a request follows that was not admitted');
  };

  // Before the plugin's own, which knows no reason to give.
  app.addHook('preClose', async () => gate.backendBehind?.feed?.dismiss());
  await app.register(websocket, {
    options: {
      maxPayload: clientBytesMax,
      perMessageDeflate: false,
      closeTimeout: limits.feedFarewellMs,
    },
    errorHandler: (error, socket, request) => {
      request.log.debug({ err: error }, 'a follower broke off');
      socket.terminate();
    },
  });
  app.addHook('onRequest', async () => {
    if (gate.refusal !== null) throw gate.refusal;
  });
  const refuseTheRest = refuseOtherMethods(app);
  app.route({
    method: 'GET',
    url: path,
    exposeHeadRoute: false,
    schema: {
      tags: ['feed'],
      summary: 'Follow what changes',
      description: [
        'Server-Sent Events, or a WebSocket where the request upgrades; the same messages as JSON.',
        'Each change has its `position` in the log; `after` (or `Last-Event-ID`) resumes after it without',
        'a gap or a repeat, however long ago. `FEED_POSITION` comes at the start and now and then, and',
        'says up to where all was sent. A change is told when queries show it.',
        '',
        'The node ends a line with a reason and the position to resume from. A WebSocket is closed with',
        '4008 (`lagging`: you took too little; come again), 4009 (`overgrown`: the neighbourhood passed',
        'its bound), 1012 (`draining`: come again) or 1013 (`failed`: come again), and',
        '`{"reason","after"}` as the reason; an event stream gets an event of that name with `{"after"}`.',
      ].join('\n'),
      headers: Type.Object({
        ...TenantHeader.properties,
        'last-event-id': Type.Optional(Type.String({ description: 'As `after`.' })),
      }),
      querystring: FeedQuery,
      response: {
        200: {
          description: 'One message an event; the connection stays open.',
          content: { 'text/event-stream': { schema: Message } },
        },
        ...refusals,
      },
    },
    preHandler: async (request) => {
      const asked = feedRequestOf(request, request.query);
      admissions.set(request, await gate.backend.feed.admit(asked));
    },
    handler: (request, reply) => {
      const { raw } = reply.hijack();
      const line = new EventsLine(raw, clock, request.id);
      raw.once('close', gate.backend.feed.follow(admissionOf(request), line));
    },
    wsHandler: (socket: WebSocket, request: FastifyRequest) => {
      const line = new WebSocketLine(socket, request.raw.socket);
      socket.on('close', gate.backend.feed.follow(admissionOf(request), line));
    },
  });
  refuseTheRest();
}
