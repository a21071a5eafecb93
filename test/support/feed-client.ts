/** Clients of the feed: what they hear, and how it ended. */
import type { FeedMessage, Notification } from '#projections';

export interface Heard {
  readonly messages: readonly FeedMessage[];
  /** Notifications alone. */
  readonly changes: readonly Notification[];
  readonly ended: Promise<Ended>;
  leave(): void;
}

export interface Ended {
  /** Of a WebSocket. */
  readonly code?: number;
  /** What the node said last: the reason and where to resume. */
  readonly reason?: { readonly reason: string; readonly after: number };
}

/** What a refused client sees. */
interface Refusal {
  readonly status: number;
  readonly code: string;
}

type Headers = Readonly<Record<string, string>>;

export async function followByWebSocket(
  url: string,
  query: string,
  headers: Headers = {},
): Promise<Heard & { say(text: string): void }> {
  const address = `${url.replace('http', 'ws')}/feed?${query}`;
  // Node's own takes headers, which no browser does.
  const socket = new WebSocket(address, { headers } as never);
  const messages: FeedMessage[] = [];
  const opened = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<Ended>();
  socket.onmessage = ({ data }) => {
    messages.push(JSON.parse(data));
    opened.resolve();
  };
  socket.onclose = ({ code, reason }) => {
    ended.resolve({ code, ...(reason.startsWith('{') && { reason: JSON.parse(reason) }) });
    opened.reject(new Error(`closed with ${code}`));
  };
  try {
    await opened.promise;
  } catch {
    // A WebSocket client is not told why; the same request shows it.
    throw await refusalOf(url, query, headers);
  }
  return {
    messages,
    get changes() {
      return messages.filter((one): one is Notification => 'change' in one);
    },
    ended: ended.promise,
    leave: () => socket.close(),
    say: (text) => socket.send(text),
  };
}

export async function followByEvents(
  url: string,
  query: string,
  headers: Headers = {},
): Promise<Heard> {
  const stream = await EventStream.open(url, query, headers);
  const messages = () =>
    stream.events.filter(({ event }) => event === 'message').map(({ data }) => data);
  return {
    get messages() {
      return messages();
    },
    get changes() {
      return messages().filter((one): one is Notification => 'change' in one);
    },
    ended: stream.ended.then(() => {
      const last = stream.events.at(-1);
      if (last === undefined || last.event === 'message') return {};
      const { after } = last.data as unknown as { after: number };
      return { reason: { reason: last.event, after } };
    }),
    leave: () => stream.leave(),
  };
}

/** The raw text of an event stream. */
export class EventStream {
  text = '';
  readonly headers: globalThis.Headers;
  readonly ended: Promise<void>;
  readonly #abort: AbortController;

  private constructor(response: Response, abort: AbortController) {
    this.headers = response.headers;
    this.#abort = abort;
    this.ended = this.#read(response);
  }

  /** Of the feed. Rejects with the refusal. */
  static open(url: string, query: string, headers: Headers = {}): Promise<EventStream> {
    return EventStream.#open(`${url}/feed?${query}`, { headers });
  }

  /** Of what is asked for with a body. Rejects with the refusal. */
  static ask(url: string, body: unknown, headers: Headers = {}): Promise<EventStream> {
    return EventStream.#open(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  }

  static async #open(url: string, request: RequestInit): Promise<EventStream> {
    const abort = new AbortController();
    const response = await fetch(url, { ...request, signal: abort.signal });
    if (response.status !== 200) {
      const { code } = (await response.json()) as { code: string };
      throw { status: response.status, code } satisfies Refusal;
    }
    return new EventStream(response, abort);
  }

  get events(): readonly { readonly event: string; readonly data: FeedMessage }[] {
    const blocks = this.text.split('\n\n').slice(0, -1);
    return blocks.flatMap((block) => {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const data = field('data');
      return data === undefined
        ? []
        : [{ event: field('event') ?? 'message', data: JSON.parse(data) }];
    });
  }

  leave(): void {
    this.#abort.abort();
  }

  async #read(response: Response): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const bytes of response.body!)
        this.text += decoder.decode(bytes, { stream: true });
    } catch {
      // It was left, or cut.
    }
  }
}

async function refusalOf(url: string, query: string, headers: Headers): Promise<Refusal | Error> {
  const response = await fetch(`${url}/feed?${query}`, {
    headers,
    signal: AbortSignal.timeout(5_000),
  });
  if (response.status === 200) {
    await response.body?.cancel();
    return new Error('a WebSocket is refused where an event stream is not');
  }
  const { code } = (await response.json()) as { code: string };
  return { status: response.status, code };
}
