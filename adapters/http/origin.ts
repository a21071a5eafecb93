/**
 * Pages in a browser, which may send requests that their user knows nothing of to any address that the
 * browser reaches, also to this machine's own. Programs name no origin.
 */
import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { RuntimeError } from '#runtime';

/** Throws ORIGIN_REFUSED for a page of another origin than this. */
export function assertOwnOrigin({ headers }: FastifyRequest): void {
  const { origin, host } = headers;
  if (origin === undefined) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new RuntimeError('ORIGIN_REFUSED', 'the page that asks is of another origin than this');
}

/**
 * The same, and of a page that reached us by a name: anybody's name may lead to this machine (DNS
 * rebinding), and then the page's origin is that name, too. By `localhost` or an address it may ask.
 */
export function assertOwnAddress(request: FastifyRequest): void {
  assertOwnOrigin(request);
  const { origin } = request.headers;
  if (origin === undefined) return;
  const { hostname } = new URL(origin);
  if (hostname === 'localhost' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) return;
  throw new RuntimeError('ORIGIN_REFUSED', `a page may ask by address, not as ${hostname}`);
}
