/** 405 with `Allow` for a path that exists and a method that it has not. */
import type { RouteOptions } from 'fastify';
import { RuntimeError } from '#runtime';
import type { Http } from './http.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Watches the routes that `app` gets from now on; the answer adds the refusals, and is called when all
 * routes are there.
 */
export function refuseOtherMethods(app: Http): () => void {
  const known = new Map<string, Set<string>>();
  let isWatching = true;
  app.addHook('onRoute', ({ url, method }: RouteOptions) => {
    if (!isWatching) return;
    const allowed = known.get(url) ?? new Set();
    known.set(url, allowed);
    for (const one of [method].flat()) allowed.add(one);
  });
  return () => {
    isWatching = false;
    for (const [url, allowed] of known) {
      const allow = [...allowed].join(', ');
      app.route({
        url,
        method: methods.filter((one) => !allowed.has(one)),
        schema: { hide: true },
        // Before the body is looked at: whatever it is, it is not wanted.
        onRequest: async (_request, reply) => {
          reply.header('allow', allow);
          throw new RuntimeError('METHOD_NOT_ALLOWED', `this path allows ${allow}`);
        },
        handler: () => undefined,
      });
    }
  };
}
