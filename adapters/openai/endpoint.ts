/**
 * One place of a server that speaks OpenAI's HTTP API, or Azure's variant of it: where it is, how we show
 * who we are, and what a status means.
 *
 *     url                                            api version   requests go to
 *     https://api.openai.com/v1                      —             <url>/embeddings
 *     http://localhost:8080/any/embeddings           —             <url>, as it is
 *     https://x.openai.azure.com                     2024-10-21    <url>/openai/deployments/<model>/embeddings?api-version=…
 *     https://x.openai.azure.com/…/deployments/y     2024-10-21    <url>/embeddings?api-version=…
 *
 * The key goes as `Authorization: Bearer`, with an API version as `api-key`. It is in no error and no URL.
 */

export interface EndpointAccess {
  /** http or https; without user, query or fragment. */
  readonly url: string;
  readonly model: string;
  /** Visible ASCII. Absent: none is sent, as local servers need none. */
  readonly apiKey?: string;
  /** Makes it Azure's variant, such as `2024-10-21`. */
  readonly apiVersion?: string;
}

export type Operation = 'embeddings' | 'chat/completions';

/**
 * What a status says about asking once more: `passing` (the same request may succeed later), `input` (the
 * server will not take what was sent), `refused` (it would take nothing of ours; a redirect too, because a
 * key is not carried elsewhere).
 */
export type Verdict = 'answered' | 'passing' | 'input' | 'refused';

/** Of a complaint, in UTF-16 units, and the bytes that are read for it. */
const complaintCharsMax = 300;
const complaintBytesMax = 8 * 1024;

export class Endpoint {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #apiKey: string | undefined;

  constructor(access: EndpointAccess, operation: Operation) {
    const { apiKey, apiVersion } = access;
    this.#url = urlOf(access, operation);
    this.#apiKey = apiKey;
    this.#headers = {
      'content-type': 'application/json',
      ...(apiKey !== undefined &&
        (apiVersion === undefined ? { authorization: `Bearer ${apiKey}` } : { 'api-key': apiKey })),
    };
  }

  /** The answer, whatever its status; its body is still to be read or cancelled. Rejects as fetch does. */
  post(body: unknown, signal: AbortSignal): Promise<Response> {
    return fetch(this.#url, {
      method: 'POST',
      headers: this.#headers,
      body: JSON.stringify(body),
      redirect: 'manual',
      signal,
    });
  }

  /** The status and what the server says to it, fit to be shown. Ends the response. */
  async complaintOf(response: Response): Promise<string> {
    const text = (await textOf(response, complaintBytesMax)) ?? '';
    return `the endpoint answered ${response.status}: ${this.shown(messageIn(text) ?? text)}`;
  }

  /** A text of the server in few words, and without our key. */
  shown(text: string): string {
    const safe = this.#apiKey === undefined ? text : text.replaceAll(this.#apiKey, '[secret]');
    return safe.replace(/\s+/g, ' ').slice(0, complaintCharsMax);
  }
}

export function verdictOf({ status }: Response): Verdict {
  if (status === 200) return 'answered';
  if ([400, 413, 422].includes(status)) return 'input';
  // 409 and 424 are what OpenAI and TEI say when they fail to do it just now.
  return [408, 409, 424, 425, 429].includes(status) || status >= 500 ? 'passing' : 'refused';
}

/** The body as text, null where it is larger. Rejects as fetch does where it breaks off. */
export async function textOf(response: Response, bytesMax: number): Promise<string | null> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    // Leaving the loop cancels the rest.
    if (bytes > bytesMax) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Why fetch has no answer: its own words are always the same, its cause's are not. */
export function reasonOf(thrown: unknown): string {
  const { cause = thrown } = (thrown ?? {}) as { cause?: unknown };
  const { code, message } = (cause ?? {}) as { code?: unknown; message?: unknown };
  return String(message || code || cause);
}

function urlOf({ apiVersion, model, url }: EndpointAccess, operation: Operation): string {
  const place = new URL(url);
  const path = place.pathname.replace(/\/+$/, '');
  const isResource = apiVersion !== undefined && path === '';
  const base = isResource ? `/openai/deployments/${encodeURIComponent(model)}` : path;
  place.pathname = base.endsWith(`/${operation}`) ? base : `${base}/${operation}`;
  if (apiVersion !== undefined) place.searchParams.set('api-version', apiVersion);
  return place.href;
}

/** OpenAI's `error.message`, and what others have in its place. */
function messageIn(text: string): string | null {
  try {
    const { error, message = error } = JSON.parse(text);
    const told = error?.message ?? message;
    return typeof told === 'string' ? told : null;
  } catch {
    // Not JSON: it is shown as it came.
    return null;
  }
}
