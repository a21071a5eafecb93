/**
 * Bodies as the bytes that came: a signature is over bytes, and a dead letter keeps what was sent. They
 * are called octets whatever the sender calls them, so that no content type loses a webhook.
 */
import type { FastifyRequest } from 'fastify';
import type { Http } from './http.ts';

export function rawBodies(app: Http): void {
  const octets = 'application/octet-stream';
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    octets,
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => body,
  );
  app.addHook('onRequest', async ({ raw }) => {
    raw.headers['content-type'] = octets;
  });
}

export function bytesOf({ body }: FastifyRequest): Uint8Array {
  return Buffer.isBuffer(body) ? body : new Uint8Array();
}
