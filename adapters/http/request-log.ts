/**
 * What the log says of a request: method, URL, status, time and the code of a refusal, under an id that
 * the answer carries too. Never a body, never a header, and of a webhook's URL nothing that may be its
 * token.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock, ErrorCode, RuntimeError } from '#runtime';

/** A URL without secrets: tokens come as `?token=` or as the last segment of a webhook's path. */
export function loggedUrl(url: string): string {
  const [path = '', query] = url.split('?', 2);
  const shown = path.replace(/^(\/webhooks\/[^/]*)\/.+$/, '$1/[…]');
  if (query === undefined) return shown;
  return `${shown}?${query.replaceAll(/(^|&)([^&=]*token[^&=]*)=[^&]*/gi, '$1$2=[secret]')}`;
}

/** A warning of each code a second; an outage puts off thousands of requests. */
const quietMs = 1_000;

export class RequestLog {
  readonly #clock: Clock;
  readonly #warnedMs = new Map<ErrorCode, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  answered(request: FastifyRequest, reply: FastifyReply): void {
    if (reply.statusCode >= 400) return;
    request.log.debug(lineOf(request, reply), 'request answered');
  }

  refused(request: FastifyRequest, reply: FastifyReply, error: RuntimeError): void {
    const { code, message: detail, retryable } = error;
    const line = { ...lineOf(request, reply), code };
    if (reply.statusCode < 500) request.log.info({ ...line, detail }, 'request refused');
    else if (!retryable) request.log.error({ ...line, err: error }, 'request failed');
    else request.log[this.#isDue(code) ? 'warn' : 'debug']({ ...line, detail }, 'request put off');
  }

  #isDue(code: ErrorCode): boolean {
    const nowMs = this.#clock.now();
    const isDue = nowMs >= (this.#warnedMs.get(code) ?? 0) + quietMs;
    if (isDue) this.#warnedMs.set(code, nowMs);
    return isDue;
  }
}

const lineOf = ({ method, url }: FastifyRequest, { statusCode, elapsedTime }: FastifyReply) => ({
  method,
  url: loggedUrl(url),
  status: statusCode,
  ms: Math.round(elapsedTime),
});
