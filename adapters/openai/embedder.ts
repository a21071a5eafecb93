/**
 * Embeddings of an OpenAI-compatible endpoint: OpenAI, Azure, Ollama, TEI, vLLM.
 *
 *     answer                              outcome
 *     200                                 vectors, made of length 1
 *     200, other dimensions               EMBEDDER_MISMATCH
 *     400, 413, 422                       TEXT_UNEMBEDDABLE
 *     408, 409, 424, 425, 429, 5xx,
 *       no answer, no sense in it         again, then EMBEDDER_UNAVAILABLE
 *     another status, a redirect          EMBEDDER_REFUSED
 *
 * Two things are found out by asking, because servers do not agree on them. Whether they can shorten
 * vectors: where an answer has more dimensions than are configured, the request is repeated with
 * `dimensions`, and from then on all have it. And who is to blame for a refusal or a failure that stays
 * (Ollama answers 500 for some texts, a wrong set-up 400 for all): the model is asked for a text that
 * nobody can object to.
 */
import {
  backoffMs,
  type Clock,
  type Embedder,
  type EmbedderModel,
  type Ids,
  type Limits,
  RuntimeError,
  retryAfterMs,
} from '#runtime';
import { Endpoint, type EndpointAccess, reasonOf, textOf, verdictOf } from './endpoint.ts';
import { Pace, Passing } from './pace.ts';
import { AnswerFault, vectorsIn } from './vectors.ts';

export interface OpenAiEmbedderOptions {
  readonly access: EndpointAccess;
  readonly dimensions: number;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
}

type Vectors = readonly Float32Array[];

const harmlessText = 'word';

export class OpenAiEmbedder implements Embedder {
  readonly model: EmbedderModel;
  readonly textsMax: number;
  readonly #options: OpenAiEmbedderOptions;
  readonly #endpoint: Endpoint;
  readonly #pace: Pace;
  readonly #closing = new AbortController();
  /** Whether the endpoint has shortened vectors for us. */
  #isShortening = false;

  constructor(options: OpenAiEmbedderOptions) {
    const { access, clock, dimensions, limits } = options;
    this.#options = options;
    // The endpoint tells of no version: who changes a model gives it another name.
    this.model = { name: access.model, version: '1', dimensions };
    this.textsMax = limits.embedTextsMax;
    this.#endpoint = new Endpoint(access, 'embeddings');
    this.#pace = new Pace(clock, limits);
  }

  async embed(texts: readonly string[], signal: AbortSignal): Promise<Vectors> {
    if (texts.length === 0) return [];
    const { embedTryMs } = this.#options.limits;
    const late = AbortSignal.timeout(embedTryMs);
    try {
      return await this.#tried(texts, AbortSignal.any([signal, this.#closing.signal, late]));
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof RuntimeError) throw thrown;
      const message = late.aborted ? `no answer within ${embedTryMs} ms` : 'the call broke off';
      throw new RuntimeError('EMBEDDER_UNAVAILABLE', message, { cause: thrown });
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new RuntimeError('EMBEDDER_UNAVAILABLE', 'the embedder is closed'));
  }

  async #tried(texts: readonly string[], signal: AbortSignal): Promise<Vectors> {
    const { clock, ids, limits } = this.#options;
    const backoff = { baseMs: limits.retryBaseMs, capMs: limits.retryCapMs };
    const endMs = clock.now() + limits.embedTryMs;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#outcomeOf(texts, signal);
      if (!(outcome instanceof RuntimeError)) return outcome;
      const failure = this.#isSuspect(outcome, texts, attempt)
        ? await this.#judged(outcome, signal)
        : outcome;
      const pauseMs = backoffMs(attempt, backoff, ids.chance());
      if (!(failure instanceof Passing) || clock.now() + pauseMs >= endMs) throw failure;
      await clock.sleep(pauseMs, signal);
    }
  }

  /** Whether the texts may be what is wrong, so that it is worth a request to know. */
  #isSuspect(failure: RuntimeError, texts: readonly string[], attempt: number): boolean {
    if (failure.code === 'TEXT_UNEMBEDDABLE') return texts.length === 1;
    const isOfTexts = failure instanceof Passing && failure.isOfTexts;
    return isOfTexts && attempt === this.#options.limits.embedSuspectAfter;
  }

  /** The failure of some texts, in the light of what the model says to another. */
  async #judged(failure: RuntimeError, signal: AbortSignal): Promise<RuntimeError> {
    const other = await this.#outcomeOf([harmlessText], signal);
    if (!(other instanceof RuntimeError)) return unembeddable(failure.message, failure.data);
    if (other.code !== 'TEXT_UNEMBEDDABLE') return other;
    return new RuntimeError('EMBEDDER_REFUSED', `any text is refused: ${other.message}`, {
      data: other.data,
    });
  }

  /** One attempt. Throws what ends all attempts: an abort. */
  async #outcomeOf(texts: readonly string[], signal: AbortSignal): Promise<Vectors | RuntimeError> {
    try {
      return await this.#pace.turn(() => this.#vectorsOf(texts, signal), signal);
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof RuntimeError)) throw thrown;
      return thrown;
    }
  }

  async #vectorsOf(texts: readonly string[], signal: AbortSignal): Promise<Vectors> {
    const { dimensions } = this.model;
    const isRight = (vector: Float32Array) => vector.length === dimensions;
    const vectors = await this.#request(texts, this.#isShortening, signal);
    if (vectors.every(isRight)) return vectors;
    const found = Math.max(...vectors.map(({ length }) => length));
    const shorter =
      found > dimensions && !this.#isShortening ? await this.#shorter(texts, signal) : null;
    if (!shorter?.every(isRight)) {
      const message = `the model gives ${found} dimensions, and ${dimensions} are configured`;
      throw new RuntimeError('EMBEDDER_MISMATCH', message, { data: { found, dimensions } });
    }
    this.#isShortening = true;
    return shorter;
  }

  /** Null where the endpoint will have no `dimensions`. */
  async #shorter(texts: readonly string[], signal: AbortSignal): Promise<Vectors | null> {
    try {
      return await this.#request(texts, true, signal);
    } catch (thrown) {
      if (thrown instanceof RuntimeError && thrown.code === 'TEXT_UNEMBEDDABLE') return null;
      throw thrown;
    }
  }

  async #request(
    texts: readonly string[],
    isShort: boolean,
    signal: AbortSignal,
  ): Promise<Vectors> {
    const { clock, limits } = this.#options;
    const { dimensions, name: model } = this.model;
    const body = { model, input: texts, encoding_format: 'float', ...(isShort && { dimensions }) };
    const startMs = clock.now();
    try {
      const response = await this.#endpoint.post(body, signal);
      if (verdictOf(response) !== 'answered') throw await this.#failureOf(response);
      const text = await textOf(response, limits.embedAnswerBytesMax);
      if (text === null) throw new AnswerFault('the answer is larger than any can be');
      return vectorsIn(text, texts.length);
    } catch (cause) {
      if (cause instanceof RuntimeError) throw cause;
      if (cause instanceof AnswerFault) throw new Passing(cause.message, { isOfTexts: true });
      // Who leaves at once says nothing about the model; who waited as long as a search does, has.
      const hasWaited = clock.now() - startMs > limits.embedQueryMs / 2;
      if (signal.aborted && !hasWaited) throw cause;
      throw new Passing(`no answer from the endpoint: ${reasonOf(cause)}`, { cause });
    }
  }

  async #failureOf(response: Response): Promise<RuntimeError> {
    const { clock, limits } = this.#options;
    const { headers, status } = response;
    const complaint = await this.#endpoint.complaintOf(response);
    const verdict = verdictOf(response);
    if (verdict === 'input') return unembeddable(complaint, { status });
    if (verdict === 'refused') {
      return new RuntimeError('EMBEDDER_REFUSED', complaint, { data: { status } });
    }
    const pauseMs = retryAfterMs(headers.get('retry-after'), clock.now(), limits.embedPauseMsMax);
    return new Passing(complaint, { status, pauseMs, isOfTexts: status === 500 });
  }
}

function unembeddable(message: string, data: Readonly<Record<string, unknown>>): RuntimeError {
  return new RuntimeError('TEXT_UNEMBEDDABLE', message, { data });
}
