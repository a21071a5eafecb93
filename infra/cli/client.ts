/**
 * A node's HTTP interface, from the command line: JSON in, JSON out, and problems as complaints that say
 * what to do.
 */
import type { Problem } from '#adapters/http';
import { readPlace, readToken } from '../config.ts';
import { Complaint } from './complaint.ts';
import { lineOf } from './text.ts';

export interface ClientOptions {
  /** Default: where this environment's node listens. */
  readonly url?: string;
  readonly tenant?: string;
}

export interface Request {
  readonly method: 'GET' | 'POST';
  /** Path and query, from the root. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** What came back, whatever it says. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly problem: Problem | null;
}

export class Client {
  readonly url: string;
  readonly #tenant: string | undefined;
  readonly #token = readToken();

  constructor({ url, tenant }: ClientOptions) {
    this.url = (url ?? ownUrl()).replace(/\/+$/, '');
    if (!URL.canParse(this.url)) {
      throw new Complaint(`--url ${url} is no URL`, { hint: 'Such as http://127.0.0.1:3000' });
    }
    this.#tenant = tenant;
  }

  get<Body>(path: string): Promise<Body> {
    return this.#asked<Body>({ method: 'GET', path });
  }

  post<Body>(path: string, body: unknown = {}): Promise<Body> {
    const headers = { 'content-type': 'application/json' };
    return this.#asked<Body>({ method: 'POST', path, headers, body: JSON.stringify(body) });
  }

  /** Sends a request once. Throws a Complaint where no node answers. */
  async send({ method, path, headers, body }: Request): Promise<Answer> {
    const response = await this.fetch(this.url + path, {
      method,
      ...(headers !== undefined && { headers }),
      ...(body !== undefined && { body }),
    });
    const text = await response.text().catch((thrown) => {
      throw this.#unreachable(thrown);
    });
    const parsed = jsonOf(text);
    if (parsed === undefined) throw strangerAt(this.url, String(response.status));
    const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json');
    return {
      status: response.status,
      body: parsed,
      problem: isProblem ? (parsed as Problem) : null,
    };
  }

  /** As the standard `fetch`, for this tenant. Throws a Complaint where no node answers. */
  async fetch(url: string | URL, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#token !== undefined) headers.set('authorization', `Bearer ${this.#token.reveal()}`);
    if (this.#tenant !== undefined) headers.set('x-tenant-id', this.#tenant);
    try {
      return await fetch(url, { ...init, headers });
    } catch (thrown) {
      throw this.#unreachable(thrown);
    }
  }

  async #asked<Body>(request: Request): Promise<Body> {
    const { body, problem } = await this.send(request);
    if (problem !== null) throw complaintOf(problem);
    return body as Body;
  }

  #unreachable(thrown: unknown): Complaint {
    const { cause } = thrown as { cause?: { code?: string; message?: string } };
    const why = cause?.code ?? cause?.message ?? String(thrown);
    return new Complaint(`no node answers at ${this.url} (${why})`, {
      hint: 'Start one with `cognisync start`, or say where it is with --url (or HOST and PORT).',
      cause: thrown,
    });
  }
}

export function complaintOf({ code, detail, hint, title }: Problem): Complaint {
  return new Complaint(detail ?? title, { code, hint });
}

/** For an answer that is none of ours. */
export function strangerAt(url: string, answer: string): Complaint {
  return new Complaint(`${url} answers (${lineOf(answer, 200)}), but not as CogniSync does`, {
    hint: 'Is another program on that port? Name the right one with --url.',
  });
}

/** A node that listens everywhere is found on loopback. */
function ownUrl(): string {
  const { host, port } = readPlace();
  if (port === 0) {
    throw new Complaint('PORT is 0, so the node has a port that only it knows', {
      hint: 'Say where it is with --url; it prints its URL when it is ready.',
    });
  }
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
