import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OpenAiChat } from '#adapters/openai';
import { type Chat, type Limits, limits } from '#runtime';
import {
  type Behaviour,
  type ModelServer,
  type ModelServerOptions,
  openModelServer,
} from '#test/model-server';
import { until } from '#test/until';

const prompt = { system: 'Answer from the context alone.', user: 'What blocks the release?' };
const { signal } = new AbortController();
const opened: { close(): Promise<void> }[] = [];
let server: ModelServer;

async function serve(options: ModelServerOptions = {}): Promise<ModelServer> {
  const one = await openModelServer(options);
  opened.push(one);
  return one;
}

function open(
  url: string,
  own: Partial<Limits> = {},
  access: { apiKey?: string; apiVersion?: string } = {},
): Chat {
  const chat = new OpenAiChat({
    access: { url, model: 'tiny', ...access },
    limits: { ...limits, ...own },
  });
  opened.push(chat);
  return chat;
}

/** The pieces that came, and what ended them; null where the answer is whole. */
async function told(answer: AsyncIterable<string>) {
  const pieces: string[] = [];
  try {
    for await (const piece of answer) pieces.push(piece);
  } catch (thrown) {
    return { pieces, thrown: thrown as Error };
  }
  return { pieces, thrown: null };
}

const event = (content: unknown) => `data: ${JSON.stringify(content)}\n\n`;
const piece = (content: unknown, finish_reason: string | null = null) =>
  event({ choices: [{ delta: { content }, finish_reason }] });
const stream = (...events: readonly string[]): Behaviour => ({
  raw: events.join(''),
  type: 'text/event-stream',
});

beforeEach(async () => {
  server = await serve();
});
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

describe('an answer of an OpenAI-compatible chat', () => {
  it('comes in pieces as the model writes them', async () => {
    const chat = open(server.url, {}, { apiKey: 'k3y' });
    expect(await told(chat.answer(prompt, signal))).toEqual({
      pieces: ['The release ', 'is blocked ', '[1].'],
      thrown: null,
    });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer k3y' },
      body: {
        model: 'tiny',
        stream: true,
        temperature: 0,
        messages: [
          { role: 'system', content: prompt.system },
          { role: 'user', content: prompt.user },
        ],
      },
    });
  });

  it('comes from a deployment of Azure', async () => {
    const azure = { apiKey: 'k3y', apiVersion: '2024-10-21' };
    const { thrown } = await told(
      open(new URL(server.url).origin, {}, azure).answer(prompt, signal),
    );
    expect(thrown).toBe(null);
    expect(server.requests[0]).toMatchObject({
      path: '/openai/deployments/tiny/chat/completions?api-version=2024-10-21',
      headers: { 'api-key': 'k3y' },
    });
  });

  it.each([1, 2, 3, 7])('is the same however the network slices it (%i bytes)', async (slices) => {
    server.pieces = ['Größe ', '🚀🚀', '\n\n', 'data: [DONE]'];
    server.behave({ slices });
    const { pieces, thrown } = await told(open(server.url).answer(prompt, signal));
    expect([pieces, thrown]).toEqual([server.pieces, null]);
  });

  it('is whole where the model says so, with or without [DONE]', async () => {
    const chat = open(server.url);
    for (const end of [
      piece('', 'stop'),
      piece(null, 'eos'),
      'data: [DONE]\n\n',
      'data:[DONE]\r\n\r\n',
    ]) {
      server.behave(
        stream(': a comment\n\n', 'event: x\n', piece('All ', null), piece('well'), end),
      );
      expect(await told(chat.answer(prompt, signal))).toEqual({
        pieces: ['All ', 'well'],
        thrown: null,
      });
    }
  });

  it('is asked for without a temperature where the endpoint will have none, and from then on', async () => {
    const reasoning = await serve({ isObedient: false });
    const chat = open(reasoning.url);
    for (let time = 0; time < 2; time++) {
      expect(await told(chat.answer(prompt, signal))).toMatchObject({ thrown: null });
    }
    expect(reasoning.requests.map(({ body }) => body.temperature)).toEqual([
      0,
      undefined,
      undefined,
    ]);
  });

  it.each<[string, Behaviour, RegExp]>([
    ['is cut off', { cutAfter: 200 }, /broke off/],
    ['ends before the model does', stream(piece('half')), /ended it before the model/],
    ['is no stream', { raw: '{"choices": []}' }, /ended it before the model/],
    ['is no JSON', stream(piece('half'), 'data: {"choi\n\n'), /no JSON/],
    ['is no object', stream(piece('half'), 'data: null\n\n'), /no JSON object/],
    ['is no text', stream(piece('half'), piece(7)), /no text/],
    [
      'has a failure in it',
      stream(piece('half'), event({ error: { message: 'out of memory' } })),
      /out of memory/,
    ],
    ['is longer than the model may write', stream(piece('half'), piece('', 'length')), /may write/],
    ['has an event without end', stream(`data: ${'x'.repeat(5_000)}`), /event that never ends/],
    ['has a line without end', stream('x'.repeat(5_000)), /event that never ends/],
    [
      'comes to no end',
      stream(...Array.from({ length: 300 }, () => piece('again '))),
      /comes to no end/,
    ],
    ['fails', { status: 503 }, /503/],
    ['is limited', { status: 429 }, /429/],
    ['comes not in time', { hangs: true }, /more than 300 ms/],
    ['stalls', { stallsAfter: 200 }, /more than 300 ms/],
  ])('that %s is a passing failure, and says so', async (_, behaviour, said) => {
    const bounds = { chatAnswerCharsMax: 1_000, chatEventCharsMax: 2_000, chatAnswerMs: 300 };
    server.behave(behaviour);
    const { pieces, thrown } = await told(open(server.url, bounds).answer(prompt, signal));
    expect(thrown).toMatchObject({ code: 'CHAT_UNAVAILABLE' });
    expect(thrown?.message).toMatch(said);
    expect(pieces.join('').length).toBeLessThanOrEqual(1_000);
  });

  it.each([301, 400, 401, 403, 404, 413, 422])(
    'that is refused (%i) is so for good',
    async (status) => {
      const chat = open(server.url, {}, { apiKey: 's3cret-key' });
      server.behaveAlways({ status, error: 'no, s3cret-key' });
      const { thrown } = await told(chat.answer(prompt, signal));
      expect(thrown).toMatchObject({ code: 'CHAT_REFUSED', data: { status } });
      expect(thrown?.message).toContain('no, [secret]');
      expect(server.requests).toHaveLength(1);
    },
  );

  it('that is withheld is a refusal', async () => {
    server.behave(stream(piece('half'), piece('', 'content_filter')));
    const { pieces, thrown } = await told(open(server.url).answer(prompt, signal));
    expect(pieces).toEqual(['half']);
    expect(thrown).toMatchObject({ code: 'CHAT_REFUSED' });
  });

  it('shows no key in a failure that comes with it', async () => {
    const chat = open(server.url, {}, { apiKey: 's3cret-key' });
    server.behave(stream(event({ error: 'the key s3cret-key has expired' })));
    const { thrown } = await told(chat.answer(prompt, signal));
    expect(thrown?.message).toContain('[secret] has expired');
  });

  it('ends its request when the reader leaves', async () => {
    server.behave({ stallsAfter: 300 });
    for await (const first of open(server.url).answer(prompt, signal)) {
      expect(first).toBe('The release ');
      break;
    }
    await until('the request is ended', () => server.requests[0]?.isLeft);
  });

  it('ends with the reason of an aborted signal, and by close', async () => {
    const leaving = new AbortController();
    const chat = open(server.url);
    server.behaveAlways({ stallsAfter: 300 });
    const left = told(chat.answer(prompt, leaving.signal));
    await until('it is there', () => server.requests.length === 1);
    leaving.abort(new Error('nobody reads'));
    expect((await left).thrown).toBe(leaving.signal.reason);
    const closed = told(chat.answer(prompt, signal));
    await until('it is there', () => server.requests.length === 2);
    await chat.close();
    expect((await closed).thrown).toMatchObject({ code: 'CHAT_UNAVAILABLE' });
    await until('all are ended', () => server.requests.every(({ isLeft }) => isLeft));
  });

  it('is one of as many at a time as limits allow', async () => {
    const chat = open(server.url, { chatAnswersMax: 1 });
    server.behave({ stallsAfter: 300 });
    const leaving = new AbortController();
    const first = told(chat.answer(prompt, leaving.signal));
    await until('it is there', () => server.requests.length === 1);
    const refused = await told(chat.answer(prompt, signal));
    expect(refused.thrown).toMatchObject({ code: 'CHAT_UNAVAILABLE' });
    leaving.abort();
    await first;
    expect(await told(chat.answer(prompt, signal))).toMatchObject({ thrown: null });
    expect(server.requests).toHaveLength(2);
  });
});
