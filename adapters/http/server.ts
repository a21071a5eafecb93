/**
 * The HTTP server: what holds for every request, whatever it asks.
 *
 *     connection ─▶ headers ─▶ gate ─▶ route ─▶ body ─▶ parameters ─▶ handler ─▶ answer
 *                  431, 408    503    404, 405   413, 415   400          codes of its own
 *
 * Every exit but the last is a problem (problem.ts). Up to the gate nothing knows whether there is a node
 * behind it; a request that may not come in hears 503 before anything of it is judged.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import {
  type AuditTrail,
  type Clock,
  type Happening,
  type Ids,
  type Limits,
  RuntimeError,
  limits as standardLimits,
  type Telemetry,
} from '#runtime';
import { ArrivalBook } from './arrivals.ts';
import { AtLeast } from './at-least.ts';
import { refuseConnection } from './broken-connection.ts';
import { commandRoutes } from './command-routes.ts';
import { connectionRoutes } from './connection-routes.ts';
import { deadLetterRoutes } from './dead-letter-routes.ts';
import { documentation } from './documentation.ts';
import { entityRoutes } from './entity-routes.ts';
import { feedRoutes, mayUpgrade } from './feed-routes.ts';
import { Gate } from './gate.ts';
import { NodeHealth } from './health.ts';
import { healthRoutes } from './health-routes.ts';
import type { Http, Typebox } from './http.ts';
import { logLevelRoutes } from './log-level-routes.ts';
import { mcpRoutes } from './mcp-routes.ts';
import { type Exposition, metricsRoutes } from './metrics-routes.ts';
import { counted, forOperators, type Operator } from './operators.ts';
import { refuseOtherMethods } from './other-methods.ts';
import { pathRoutes } from './path-routes.ts';
import { errorOfRequest, problemMediaType, problemOf, retryAfterSeconds } from './problem.ts';
import { projectionRoutes } from './projection-routes.ts';
import { rawBodies } from './raw-body.ts';
import { RequestLog } from './request-log.ts';
import { retrievalRoutes } from './retrieval-routes.ts';
import { searchRoutes } from './search-routes.ts';
import { SessionQueries } from './session-queries.ts';
import { UpkeepDesk } from './upkeep.ts';
import { upkeepRoutes } from './upkeep-routes.ts';
import { webhookRoutes } from './webhook-routes.ts';

export interface HttpOptions {
  /** Of CogniSync, for the documentation. */
  readonly version: string;
  readonly logger: FastifyBaseLogger;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Told of each request that is answered. */
  readonly telemetry?: Telemetry;
  /** Who may do what operators do; none: everybody. */
  readonly operators: readonly Operator[];
  /** Records who did what. */
  readonly audit: AuditTrail;
  /** What GET /metrics shows; absent: there is no such route. */
  readonly exposition?: Exposition;
  /** Smaller bounds than the standard ones, for tests that want to reach them. */
  readonly limits?: Partial<Limits>;
}

export interface HttpServer {
  /** Opened when the node is up, drained before it goes. */
  readonly gate: Gate;
  /** Listens; answers with the URL. Throws CONFIG_INVALID where the address can't be had. */
  listen(place: { readonly host: string; readonly port: number }): Promise<string>;
  /** Finishes what is under way within limits.httpCloseMs, then closes every connection. */
  close(): Promise<void>;
}

/** Builds the server; it does not listen yet. */
export async function openHttp(options: HttpOptions): Promise<HttpServer> {
  const limits = { ...standardLimits, ...options.limits };
  const gate = new Gate(limits);
  const book = new ArrivalBook();
  const atLeast = new AtLeast(gate, limits);
  const sessions = new SessionQueries(options.clock, limits);
  const app = serverOf(options, gate, limits);
  await documentation(app, options.version);
  healthRoutes(app, gate, new NodeHealth({ ...options, gate, limits }));
  const { audit, exposition, operators } = options;
  if (exposition) await app.register(async (own: Http) => metricsRoutes(own, exposition));
  await app.register(async (own: Http) => {
    forOperators(own, operators, audit);
    logLevelRoutes(own, options.logger, options.clock);
  });
  app.setNotFoundHandler(({ method }) => {
    throw gate.refusal ?? new RuntimeError('ROUTE_UNKNOWN', `no route for ${method} on this path`);
  });
  await app.register(async (api: Http) => {
    api.addHook('onRequest', async ({ headers }, reply) => {
      const leave = gate.enter(bodyBytesOf(headers, limits));
      reply.raw.once('close', leave);
    });
    const refuseTheRest = refuseOtherMethods(api);
    await api.register(async (raw: Http) => {
      rawBodies(raw);
      await raw.register(async (sources: Http) => {
        counted(sources, 'authentication', audit);
        webhookRoutes(sources, gate, book, options.clock);
      });
      await raw.register(async (producers: Http) => {
        counted(producers, 'command', audit);
        commandRoutes(producers, gate);
      });
    });
    connectionRoutes(api, gate, book);
    entityRoutes(api, gate, atLeast);
    pathRoutes(api, gate, atLeast);
    searchRoutes(api, gate, atLeast);
    retrievalRoutes(api, { ...options, limits, gate, atLeast, sessions });
    mcpRoutes(api, gate, options.version);
    const desk = new UpkeepDesk(options);
    projectionRoutes(api, gate, desk);
    await api.register(async (own: Http) => {
      forOperators(own, operators, audit);
      upkeepRoutes(own, gate, desk);
      deadLetterRoutes(own, gate);
    });
    refuseTheRest();
  });
  await app.register((feed: Http) => feedRoutes(feed, gate, options.clock, limits));
  await app.ready();
  return {
    gate,
    listen: (place) => listen(app, place),
    close: () => close(app, sessions, options.clock, limits),
  };
}

function serverOf(
  { clock, ids, logger, telemetry }: HttpOptions,
  gate: Gate,
  limits: Limits,
): Http {
  const log = new RequestLog(clock);
  const refuse = (thrown: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const error = errorOfRequest(thrown);
    request.refusal = error.code;
    log.refused(request, answerWith(error, request, reply), error);
    return reply;
  };
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => ids.random(),
    bodyLimit: limits.messageBytesMax,
    requestTimeout: limits.httpRequestMs,
    http: {
      maxHeaderSize: limits.httpHeaderBytesMax,
      connectionsCheckingInterval: limits.httpRequestMs / 4,
      shouldUpgradeCallback: mayUpgrade,
    },
    // An id in a path may be percent-encoded: nine characters for a UTF-16 unit at most.
    routerOptions: { maxParamLength: limits.chunkIdCharsMax * 9 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
    // A URL that cannot be read has passed no gate.
    frameworkErrors: (error, request, reply) => refuse(gate.refusal ?? error, request, reply),
    clientErrorHandler: (error, socket) => refuseConnection(error, socket as Socket, limits),
  }).withTypeProvider<Typebox>();
  app.decorateRequest('who', null);
  app.decorateRequest('refusal', null);
  app.server.maxConnections = limits.httpConnectionsMax;
  leaveUnasked(app, clock, limits);
  // Answers are typed against their schemas at compile time; writing them needs no schema.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  app.setErrorHandler(refuse);
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff');
    if (gate.phase === 'draining') reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    log.answered(request, reply);
    // How long somebody follows is no answer's time.
    if (telemetry && !mayUpgrade(request.raw)) telemetry.record(answered(request, reply));
  });
  return app;
}

/** A server that closes waits for no connection that never asked anything; Node's own takes it for busy. */
function leaveUnasked(app: Http, clock: Clock, { httpUnaskedMs }: Limits): void {
  const unasked = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    unasked.add(socket);
    socket.once('close', () => unasked.delete(socket));
  });
  const asked = ({ socket }: IncomingMessage) => unasked.delete(socket);
  app.server.on('request', asked).on('upgrade', asked);
  app.addHook('preClose', async () => {
    // A request may be on its way.
    if (unasked.size > 0) await clock.sleep(httpUnaskedMs);
    for (const socket of unasked) socket.destroy();
  });
}

function answered({ method, routeOptions }: FastifyRequest, reply: FastifyReply): Happening {
  const { elapsedTime: ms, statusCode: status } = reply;
  return { name: 'request-answered', method, route: routeOptions.url ?? '', status, ms };
}

/** What a body may come to: what is announced, or the most where it comes in chunks. */
function bodyBytesOf(headers: IncomingHttpHeaders, { messageBytesMax }: Limits): number {
  if (headers['transfer-encoding'] !== undefined) return messageBytesMax;
  return Math.min(messageBytesMax, Number(headers['content-length'] ?? 0));
}

function answerWith(
  error: RuntimeError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = problemOf(error, request.id);
  reply.code(problem.status).type(problemMediaType);
  if (error.retryable) reply.header('retry-after', retryAfterSeconds);
  // RFC 9110 asks for the scheme beside a 401; that of webhooks has no name.
  if (error.code === 'OPERATOR_REFUSED') reply.header('www-authenticate', 'Bearer');
  if (error.code === 'SHUTTING_DOWN') reply.header('connection', 'close');
  return reply.send(problem);
}

async function listen(
  app: Http,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (thrown) {
    const { code, message } = thrown as { code?: string; message: string };
    const why = code === 'EADDRINUSE' ? 'another program listens there' : message;
    throw new RuntimeError('CONFIG_INVALID', `can't listen on ${host}, PORT ${port}: ${why}`, {
      cause: thrown,
    });
  }
}

async function close(
  app: Http,
  sessions: SessionQueries,
  clock: Clock,
  limits: Limits,
): Promise<void> {
  const patience = new AbortController();
  const closed = Promise.all([app.close(), sessions.ended()]).finally(() => patience.abort());
  try {
    await clock.sleep(limits.httpCloseMs, patience.signal);
    app.server.closeAllConnections();
    sessions.abort();
  } catch {
    // Closed in time.
  }
  await closed;
}
