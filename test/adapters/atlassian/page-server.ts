/** A local server that answers as Confluence Cloud's v2 API documents, or as a test tells it to. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export class PageServer implements AsyncDisposable {
  /** Method, path and query of every request, in order. */
  readonly requests: string[] = [];
  readonly authorizations = new Set<string | undefined>();
  /** Most requests under way at once. */
  atOnceMax = 0;
  #atOnce = 0;
  /** Answers to the next requests, whichever page they are for; then `usual`. */
  readonly next: Answer[] = [];
  usual: Answer = notFound;
  readonly #server = createServer((request, response) => {
    this.requests.push(`${request.method} ${request.url}`);
    this.authorizations.add(request.headers.authorization);
    this.#atOnce += 1;
    this.atOnceMax = Math.max(this.atOnceMax, this.#atOnce);
    response.once('close', () => {
      this.#atOnce -= 1;
    });
    (this.next.shift() ?? this.usual)(request, response);
  });

  static async open(): Promise<PageServer> {
    const server = new PageServer();
    await new Promise<void>((done) => server.#server.listen(0, '127.0.0.1', done));
    return server;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

export const json =
  (value: unknown): Answer =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };

export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(code, headers).end('{"errors":[]}');
  };

export const notFound = status(404);

export const html: Answer = (_, response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Down for maintenance</html>');
};

/** Half of what was promised, then the line goes dead. */
export const truncated: Answer = (_, response) => {
  response.writeHead(200, { 'content-length': '1000' });
  response.write('{"id":"7","title":"Pa', () => response.destroy());
};

export const never: Answer = () => undefined;

/** A page as the documentation has it. */
export const pageAnswer = (id: string, more: object = {}) => ({
  id,
  status: 'current',
  title: `Page ${id}`,
  spaceId: '42',
  parentId: '1',
  parentType: 'page',
  position: 3,
  authorId: 'ann',
  ownerId: 'ann',
  lastOwnerId: null,
  createdAt: '2026-11-01T08:00:00.000Z',
  version: {
    createdAt: '2026-11-20T10:00:00.400Z',
    message: '',
    number: 3,
    minorEdit: false,
    authorId: 'bob',
  },
  body: {
    storage: {
      representation: 'storage',
      value: `<p>Text of ${id}, by <ac:link><ri:user ri:account-id="eve"/></ac:link></p>`,
    },
  },
  _links: { webui: `/spaces/ENG/pages/${id}/Page`, editui: '/x', tinyui: '/x/y' },
  ...more,
});

/** Answers every page with its own. */
export const everyPage: Answer = (request, response) => {
  const id = /\/(?:pages|blogposts)\/([^?]+)/.exec(request.url ?? '')?.[1] ?? '';
  json(pageAnswer(id))(request, response);
};
