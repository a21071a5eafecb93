/**
 * Reads single pages and blog posts over Confluence Cloud's v2 API, at the source's pace.
 *
 * Any fault that may pass closes one gate for all reads of the connection, for as long as Retry-After
 * says, else with exponential backoff and jitter: a source that limits or fails one request will not
 * like the others better. An answer older than the version that is known to exist counts as such a
 * fault; should it still be old after the last attempt, it is what the source has to say.
 *
 *     answer                          outcome
 *     200                             read, or unreadable where it is of another shape or too large
 *     404, 410                        gone (or not to be seen: Confluence does not tell which)
 *     403                             forbidden
 *     401, a redirect                 SOURCE_REFUSED: no page can be read, somebody must act
 *     408, 425, 429, 5xx, no answer   again, then SOURCE_UNAVAILABLE
 *     other 4xx                       unreadable
 */
import { ConstantBackoff, ExponentialBackoff, handleWhen, type IBackoff, retry } from 'cockatiel';
import { type Clock, limits, RuntimeError, retryAfterMs } from '#runtime';
import type { Credentials } from './connection.ts';
import { type PageAnswer, pageAnswerOf } from './page-answer.ts';
import type { PageWanted } from './page-wanted.ts';

export type PageOutcome =
  | { readonly kind: 'read'; readonly page: PageAnswer }
  /** Nothing to be had of this page; the entity stays as it is. */
  | { readonly kind: 'gone' | 'forbidden' | 'unreadable' };

/** How a source is treated; by default as limits say. */
export interface Pace {
  readonly requestMs: number;
  readonly retriesMax: number;
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
}

const usualPace: Pace = {
  requestMs: limits.sourceRequestMs,
  retriesMax: limits.sourceRetriesMax,
  backoffBaseMs: limits.sourceBackoffBaseMs,
  backoffCapMs: limits.sourceBackoffCapMs,
};

/** A fault that may pass, with the pause that the source asked for. */
class Passing extends RuntimeError {
  readonly pauseMs: number | undefined;
  /** An answer that is true but old. */
  readonly stale: PageAnswer | undefined;

  constructor(detail: string, options: { pauseMs?: number; stale?: PageAnswer; cause?: unknown }) {
    super('SOURCE_UNAVAILABLE', detail, { cause: options.cause });
    this.pauseMs = options.pauseMs;
    this.stale = options.stale;
  }
}

export class PageSource {
  readonly #root: string;
  readonly #authorization: string;
  readonly #clock: Clock;
  readonly #pace: Pace;
  /** No request before this time. */
  #openAtMs = 0;
  #backoff: IBackoff<unknown> | null = null;

  constructor(credentials: Credentials, clock: Clock, pace: Pace = usualPace) {
    this.#root = `${credentials.baseUrl.replace(/\/+$/, '').replace(/\/wiki$/, '')}/wiki/api/v2`;
    this.#authorization = authorizationOf(credentials);
    this.#clock = clock;
    this.#pace = pace;
  }

  /**
   * Reads one page. Safe to call concurrently; all wait at the same gate. Throws SOURCE_UNAVAILABLE
   * (retry) after the last attempt, SOURCE_REFUSED (terminal), or the signal's reason.
   */
  async read(wanted: PageWanted, signal: AbortSignal): Promise<PageOutcome> {
    // The pauses are the gate's: cockatiel's own would outlive an abort.
    const policy = retry(
      handleWhen((thrown) => thrown instanceof Passing),
      { maxAttempts: this.#pace.retriesMax, backoff: new ConstantBackoff(0) },
    );
    try {
      return await policy.execute(() => this.#attempt(wanted, signal), signal);
    } catch (thrown) {
      if (!(thrown instanceof Passing) || thrown.stale === undefined) throw thrown;
      return { kind: 'read', page: thrown.stale };
    }
  }

  async #attempt(wanted: PageWanted, signal: AbortSignal): Promise<PageOutcome> {
    await this.#passGate(signal);
    try {
      const outcome = await this.#request(wanted, signal);
      this.#backoff = null;
      return outcome;
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof Passing) this.#closeGate(thrown.pauseMs);
      throw thrown;
    }
  }

  async #request(wanted: PageWanted, signal: AbortSignal): Promise<PageOutcome> {
    const collection = wanted.kind === 'page' ? 'pages' : 'blogposts';
    const url = `${this.#root}/${collection}/${encodeURIComponent(wanted.localId)}?body-format=storage`;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#pace.requestMs)]);
    const headers = { authorization: this.#authorization, accept: 'application/json' };
    try {
      const response = await fetch(url, { headers, redirect: 'manual', signal: limit });
      const outcome = this.#outcomeOf(response);
      if (outcome !== null) {
        await response.body?.cancel();
        return outcome;
      }
      const text = await textOf(response);
      return text === null ? { kind: 'unreadable' } : readPage(wanted, text);
    } catch (cause) {
      if (cause instanceof RuntimeError) throw cause;
      throw new Passing(`no answer from the source: ${(cause as Error).message}`, { cause });
    }
  }

  /** What the status alone says; null where the body is to be read. */
  #outcomeOf(response: Response): PageOutcome | null {
    const { status } = response;
    if (status === 200) return null;
    if (status === 404 || status === 410) return { kind: 'gone' };
    if (status === 403) return { kind: 'forbidden' };
    if (status === 401 || status < 400) {
      throw new RuntimeError('SOURCE_REFUSED', `the source answered ${status}`, {
        data: { status },
      });
    }
    if (![408, 425, 429].includes(status) && status < 500) return { kind: 'unreadable' };
    const pauseMs = retryAfterMs(
      response.headers.get('retry-after'),
      this.#clock.now(),
      limits.sourcePauseMsMax,
    );
    throw new Passing(`the source answered ${status}`, pauseMs === undefined ? {} : { pauseMs });
  }

  async #passGate(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    for (;;) {
      const waitMs = this.#openAtMs - this.#clock.now();
      if (waitMs <= 0) return;
      await this.#clock.sleep(waitMs, signal);
    }
  }

  #closeGate(pauseMs: number | undefined): void {
    const { backoffBaseMs, backoffCapMs } = this.#pace;
    const options = { initialDelay: backoffBaseMs, maxDelay: backoffCapMs };
    this.#backoff = (this.#backoff ?? new ExponentialBackoff(options)).next(undefined);
    const untilMs = this.#clock.now() + (pauseMs ?? this.#backoff.duration);
    this.#openAtMs = Math.max(this.#openAtMs, untilMs);
  }
}

function readPage(wanted: PageWanted, text: string): PageOutcome {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    // A page of a proxy, or half an answer: the source is not itself just now.
    throw new Passing('the source answered with something that is not JSON', { cause });
  }
  const page = pageAnswerOf(value);
  if (page === null || page.id !== wanted.localId) return { kind: 'unreadable' };
  if (page.version.number < wanted.version) {
    const detail = `the source knows version ${page.version.number}, not yet ${wanted.version}`;
    throw new Passing(detail, { stale: page });
  }
  return { kind: 'read', page };
}

/** The body as text, null where it is larger than limits.messageBytesMax. */
async function textOf(response: Response): Promise<string | null> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    // Leaving the loop cancels the rest.
    if (bytes > limits.messageBytesMax) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function authorizationOf({ email, apiToken, bearerToken }: Credentials): string {
  if (bearerToken !== undefined) return `Bearer ${bearerToken}`;
  return `Basic ${Buffer.from(`${email}:${apiToken}`).toString('base64')}`;
}
