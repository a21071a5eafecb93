/**
 * Answers of an OpenAI-compatible chat endpoint, as a stream of server-sent events.
 *
 * An answer is whole where the model says that it has come to its end (`finish_reason` `stop`, or
 * `[DONE]`); a stream that ends without is an answer that broke off. Nothing is tried again: a half
 * answer has been read by then. The most likely words are asked for (`temperature` 0), unless the endpoint
 * will not have that, as those of OpenAI's reasoning models.
 */
import { createParser } from 'eventsource-parser';
import { type Chat, type ChatPrompt, type Limits, RuntimeError } from '#runtime';
import { Endpoint, type EndpointAccess, reasonOf, verdictOf } from './endpoint.ts';

export interface OpenAiChatOptions {
  readonly access: EndpointAccess;
  readonly limits: Limits;
}

/** What one event adds to the answer. */
interface Piece {
  readonly text: string;
  readonly isLast: boolean;
}

export class OpenAiChat implements Chat {
  readonly model: string;
  readonly #limits: Limits;
  readonly #endpoint: Endpoint;
  readonly #closing = new AbortController();
  #isTemperate = true;
  #answering = 0;

  constructor({ access, limits }: OpenAiChatOptions) {
    this.model = access.model;
    this.#limits = limits;
    this.#endpoint = new Endpoint(access, 'chat/completions');
  }

  async *answer(prompt: ChatPrompt, signal: AbortSignal): AsyncIterable<string> {
    const { chatAnswerMs, chatAnswersMax } = this.#limits;
    if (this.#answering >= chatAnswersMax) {
      throw unavailable(`${this.#answering} answers are being written`);
    }
    this.#answering += 1;
    const late = AbortSignal.timeout(chatAnswerMs);
    try {
      const limit = AbortSignal.any([signal, this.#closing.signal, late]);
      yield* this.#pieces(await this.#ask(prompt, limit));
    } catch (thrown) {
      signal.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      if (thrown instanceof RuntimeError) throw thrown;
      throw unavailable(
        late.aborted
          ? `the answer took more than ${chatAnswerMs} ms`
          : `the answer broke off: ${reasonOf(thrown)}`,
        thrown,
      );
    } finally {
      this.#answering -= 1;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(unavailable('the chat is closed'));
  }

  /** The response whose body is the answer. */
  async #ask({ system, user }: ChatPrompt, signal: AbortSignal): Promise<Response> {
    const body = {
      model: this.model,
      messages: [
        { role: 'system', content: system },
        { role: 'user', content: user },
      ],
      stream: true,
    };
    for (;;) {
      const isTemperate = this.#isTemperate;
      const asked = isTemperate ? { ...body, temperature: 0 } : body;
      const response = await this.#endpoint.post(asked, signal);
      const verdict = verdictOf(response);
      if (verdict === 'answered') return response;
      const complaint = await this.#endpoint.complaintOf(response);
      if (isTemperate && verdict === 'input' && /temperature/i.test(complaint)) {
        this.#isTemperate = false;
      } else if (verdict === 'passing') {
        throw unavailable(complaint);
      } else {
        throw new RuntimeError('CHAT_REFUSED', complaint, { data: { status: response.status } });
      }
    }
  }

  async *#pieces(response: Response): AsyncGenerator<string> {
    const { chatAnswerCharsMax, chatEventCharsMax } = this.#limits;
    const events: string[] = [];
    let isTooLarge = false;
    const parser = createParser({
      maxBufferSize: chatEventCharsMax,
      onEvent: ({ data }) => events.push(data),
      onError: ({ type }) => {
        isTooLarge ||= type === 'max-buffer-size-exceeded';
      },
    });
    const utf8 = new TextDecoder();
    let chars = 0;
    for await (const part of response.body ?? []) {
      parser.feed(utf8.decode(part, { stream: true }));
      if (isTooLarge) throw unavailable('the endpoint sends an event that never ends');
      for (const event of events.splice(0)) {
        const { isLast, text } = this.#pieceOf(event);
        chars += text.length;
        if (chars > chatAnswerCharsMax) throw unavailable('the answer comes to no end');
        if (text !== '') yield text;
        if (isLast) return;
      }
    }
    throw unavailable('the answer broke off: the endpoint ended it before the model did');
  }

  /** Throws CHAT_UNAVAILABLE for what is none and for an answer that is cut, CHAT_REFUSED for one withheld. */
  #pieceOf(event: string): Piece {
    if (event === '[DONE]') return { text: '', isLast: true };
    const { choices, error } = objectIn(event);
    if (error !== undefined && error !== null) {
      throw unavailable(`the endpoint broke off: ${this.#endpoint.shown(JSON.stringify(error))}`);
    }
    const choice = Array.isArray(choices) ? choices[0] : undefined;
    const text = choice?.delta?.content ?? '';
    if (typeof text !== 'string') throw unavailable('a piece of the answer is no text');
    switch (choice?.finish_reason ?? null) {
      case null:
        return { text, isLast: false };
      case 'content_filter':
        throw new RuntimeError('CHAT_REFUSED', 'the endpoint withholds the answer');
      case 'length':
        throw unavailable('the answer broke off: it is longer than the model may write');
      default:
        return { text, isLast: true };
    }
  }
}

// biome-ignore lint/suspicious/noExplicitAny: nothing is known of it; each step into it is guarded.
function objectIn(text: string): any {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below: what it is instead helps nobody.
  }
  throw unavailable('an event of the answer is no JSON object');
}

function unavailable(message: string, cause?: unknown): RuntimeError {
  return new RuntimeError('CHAT_UNAVAILABLE', message, { cause });
}
