/**
 * A real HTTP server that speaks OpenAI's embeddings and chat, with all the vices that such servers have.
 *
 * Paths are told by their end (`/embeddings`, `/chat/completions`), so that Azure's work too. Vectors are
 * those of the hashing embedder: the same text, the same vector, in any process.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { HashingEmbedder } from '#adapters/embedders';

export interface ModelRequest {
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: a test reads of it what it expects there.
  readonly body: any;
  /** Whether the client left before it had the answer. */
  isLeft: boolean;
}

export interface EmbeddingsAnswer {
  data: { index: number; embedding: readonly (number | null)[] }[];
}

/** What the server does instead of answering as it should. */
export type Behaviour =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly error?: string }
  /** Takes the request and says nothing. */
  | { readonly hangs: true }
  | { readonly delayMs: number }
  /** Sends so many characters of the answer, then cuts the line, or says nothing more. */
  | { readonly cutAfter: number }
  | { readonly stallsAfter: number }
  /** Sends the answer in slices of so many bytes. */
  | { readonly slices: number }
  /** Sends this as it is, with status 200. */
  | { readonly raw: string; readonly type?: string }
  /** Answers embeddings as this makes them. */
  | { readonly changed: (answer: EmbeddingsAnswer) => unknown };

export interface ModelServerOptions {
  /** Of vectors where a request does not ask for others. */
  readonly dimensions?: number;
  /** Needed in `Authorization: Bearer` or `api-key`; absent: anybody may. */
  readonly apiKey?: string;
  /** Whether requests may name `dimensions`, and `temperature`; else they are refused with 400. */
  readonly isObedient?: boolean;
}

/** A text with this in it is refused with 400, and with it all that come with it. */
export const refusedMarker = 'UNEMBEDDABLE';
/** A text with this in it makes the model fail with 500, always. */
export const poisonMarker = 'POISONOUS';

export class ModelServer {
  /** As EMBEDDINGS_URL and CHAT_URL take it. */
  url = '';
  readonly requests: ModelRequest[] = [];
  /** What the chat answers, piece by piece. */
  pieces: readonly string[] = ['The release ', 'is blocked ', '[1].'];
  readonly #options: ModelServerOptions;
  readonly #behaviours: Behaviour[] = [];
  #lasting: Behaviour | null = null;
  readonly #server = createServer((request, response) => {
    // A client that leaves ends its request only.
    this.#handle(request, response).catch(() => response.destroy());
  });

  constructor(options: ModelServerOptions) {
    this.#options = options;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const { port } = this.#server.address() as AddressInfo;
    this.url = `http://127.0.0.1:${port}/v1`;
    return this;
  }

  /** Does this for the next requests, one each; then what it did before. */
  behave(...behaviours: readonly Behaviour[]): void {
    this.#behaviours.push(...behaviours);
  }

  /** Does this for all requests until told otherwise; null: answers well again. */
  behaveAlways(behaviour: Behaviour | null): void {
    this.#behaviours.length = 0;
    this.#lasting = behaviour;
  }

  /** All texts that were sent to be embedded, in order. */
  get texts(): readonly string[] {
    return this.requests.flatMap(({ body }) => (Array.isArray(body?.input) ? body.input : []));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const path = request.url ?? '';
    const body = JSON.parse(Buffer.concat(parts).toString('utf8'));
    const recorded: ModelRequest = { path, headers: request.headers, body, isLeft: false };
    response.once('close', () => {
      recorded.isLeft = !response.writableFinished;
    });
    this.requests.push(recorded);
    const behaviour = this.#behaviours.shift() ?? this.#lasting;
    if (behaviour !== null && 'hangs' in behaviour) return;
    if (behaviour !== null && 'delayMs' in behaviour) await sleep(behaviour.delayMs);
    if (behaviour !== null && 'status' in behaviour) {
      return refuse(response, behaviour.status, behaviour.error ?? 'told to', behaviour.headers);
    }
    const refusal = this.#refusalOf(recorded);
    if (refusal !== null) return refuse(response, ...refusal);
    if (behaviour !== null && 'raw' in behaviour) {
      response.setHeader('content-type', behaviour.type ?? 'application/json');
      response.end(behaviour.raw);
    } else if (new URL(path, this.url).pathname.endsWith('/embeddings')) {
      await this.#embed(recorded, response, behaviour);
    } else {
      await this.#chat(response, behaviour);
    }
  }

  #refusalOf({ body, headers, path }: ModelRequest): [number, string] | null {
    const { apiKey, isObedient = true } = this.#options;
    const shown = headers['api-key'] ?? headers.authorization?.replace(/^Bearer /, '');
    if (apiKey !== undefined && shown !== apiKey) return [401, `Incorrect API key: ${shown}`];
    if (!/\/(embeddings|chat\/completions)(\?|$)/.test(path)) return [404, 'no such path'];
    if (!isObedient && 'dimensions' in body) return [400, 'this model does not support dimensions'];
    if (!isObedient && 'temperature' in body) return [400, 'temperature does not support 0'];
    const text = String(body.input);
    if (text.includes(refusedMarker)) return [400, 'the input is too long'];
    return text.includes(poisonMarker) ? [500, 'unsupported value: NaN'] : null;
  }

  async #embed({ body }: ModelRequest, response: ServerResponse, behaviour: Behaviour | null) {
    const embedder = new HashingEmbedder(body.dimensions ?? this.#options.dimensions ?? 64);
    const vectors = await embedder.embed(body.input, new AbortController().signal);
    const answer = {
      object: 'list',
      data: vectors.map((vector, index) => ({
        object: 'embedding',
        index,
        // Not of length 1, as those of many models are not.
        embedding: [...vector].map((number) => number * 3),
      })),
      model: body.model,
    };
    const changed =
      behaviour !== null && 'changed' in behaviour ? behaviour.changed(answer) : answer;
    const text = JSON.stringify(changed);
    response.setHeader('content-type', 'application/json');
    await send(response, text, behaviour);
  }

  async #chat(response: ServerResponse, behaviour: Behaviour | null): Promise<void> {
    response.setHeader('content-type', 'text/event-stream');
    const events = [
      { choices: [], prompt_filter_results: [] },
      { choices: [{ delta: { role: 'assistant', content: '' } }] },
      ...this.pieces.map((content) => ({ choices: [{ delta: { content } }] })),
      { choices: [{ delta: {}, finish_reason: 'stop' }] },
    ];
    const text = `${events.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')}data: [DONE]\n\n`;
    await send(response, text, behaviour);
  }
}

async function send(
  response: ServerResponse,
  text: string,
  behaviour: Behaviour | null,
): Promise<void> {
  if (behaviour !== null && 'cutAfter' in behaviour) {
    response.write(text.slice(0, behaviour.cutAfter), () => response.destroy());
  } else if (behaviour !== null && 'stallsAfter' in behaviour) {
    response.write(text.slice(0, behaviour.stallsAfter));
  } else if (behaviour !== null && 'slices' in behaviour) {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += behaviour.slices) {
      response.write(bytes.subarray(at, at + behaviour.slices));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  } else {
    response.end(text);
  }
}

function refuse(
  response: ServerResponse,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ error: { message } }));
}

/** A server on a free port of 127.0.0.1. Close it after the test. */
export function openModelServer(options: ModelServerOptions = {}): Promise<ModelServer> {
  return new ModelServer(options).listen();
}
