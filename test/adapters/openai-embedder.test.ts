import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OpenAiEmbedder } from '#adapters/openai';
import { systemClock, systemIds } from '#adapters/system';
import { type Clock, type Limits, limits } from '#runtime';
import { quiet } from '#test/clock';
import {
  type Behaviour,
  type EmbeddingsAnswer,
  type ModelServer,
  type ModelServerOptions,
  openModelServer,
  poisonMarker,
  refusedMarker,
} from '#test/model-server';
import { until } from '#test/until';
import { cosine, describeEmbedder } from '../contracts/embedder.ts';

const quick: Partial<Limits> = { retryBaseMs: 1, retryCapMs: 4 };
const { signal } = new AbortController();

const startMs = Date.UTC(2026, 10, 24, 12);

/** Time that passes only in pauses, and these at once. */
class HastyClock implements Clock {
  slept = 0;
  pauses = 0;
  now = () => startMs + this.slept;

  async sleep(ms: number): Promise<void> {
    this.slept += ms;
    this.pauses += 1;
  }
}

function withNumbers(change: (number: number | null) => number | null) {
  return ({ data }: EmbeddingsAnswer) => ({
    data: data.map(({ embedding, index }) => ({ index, embedding: embedding.map(change) })),
  });
}

interface Setup {
  readonly dimensions?: number;
  readonly apiKey?: string;
  readonly apiVersion?: string;
  readonly limits?: Partial<Limits>;
  readonly clock?: Clock;
}

function embedderOf(url: string, { clock, dimensions, limits: own, ...access }: Setup = {}) {
  return new OpenAiEmbedder({
    access: { url, model: 'hash-64', ...access },
    dimensions: dimensions ?? 64,
    clock: clock ?? systemClock,
    ids: systemIds,
    limits: { ...limits, ...quick, ...own },
  });
}

describeEmbedder('the embedder of an OpenAI-compatible endpoint', async () => {
  const server = await openModelServer();
  const embedder = embedderOf(server.url);
  const dispose = async () => {
    await embedder.close();
    await server.close();
  };
  return { embedder, dispose };
});

let server: ModelServer;
const opened: { close(): Promise<void> }[] = [];

async function serve(options: ModelServerOptions = {}): Promise<ModelServer> {
  const one = await openModelServer(options);
  opened.push(one);
  return one;
}

function open(url: string, setup: Setup = {}): OpenAiEmbedder {
  const embedder = embedderOf(url, setup);
  opened.push(embedder);
  return embedder;
}

beforeEach(async () => {
  server = await serve();
});
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

describe('a request', () => {
  it('goes to /embeddings below a URL, and to a URL that ends so, with a Bearer', async () => {
    for (const url of [server.url, `${server.url}/`, `${server.url}/embeddings`]) {
      await open(url, { apiKey: 'k3y' }).embed(['one', 'two'], signal);
    }
    for (const { path, headers, body } of server.requests) {
      expect(path).toBe('/v1/embeddings');
      expect(headers).toMatchObject({ authorization: 'Bearer k3y' });
      expect(body).toEqual({ model: 'hash-64', input: ['one', 'two'], encoding_format: 'float' });
    }
    expect(server.requests).toHaveLength(3);
  });

  it('goes to a deployment of Azure, named in the URL or after the model, with an api-key', async () => {
    const azure = { apiKey: 'k3y', apiVersion: '2024-10-21' };
    const { origin } = new URL(server.url);
    await open(origin, azure).embed(['one'], signal);
    await open(`${origin}/openai/deployments/hash-64`, azure).embed(['one'], signal);
    for (const { path, headers } of server.requests) {
      expect(path).toBe('/openai/deployments/hash-64/embeddings?api-version=2024-10-21');
      expect(headers).toMatchObject({ 'api-key': 'k3y' });
      expect(headers).not.toHaveProperty('authorization');
    }
    expect(server.requests).toHaveLength(2);
  });

  it('asks for shorter vectors once it is seen that they come too long, and from then on', async () => {
    const long = await serve({ dimensions: 128 });
    const embedder = open(long.url);
    for (const text of ['one', 'two']) {
      const [vector] = await embedder.embed([text], signal);
      expect(vector).toHaveLength(64);
    }
    expect(long.requests.map(({ body }) => body.dimensions)).toEqual([undefined, 64, 64]);
  });
});

describe('an answer', () => {
  const reverse = ({ data }: EmbeddingsAnswer) => ({ data: data.toReversed() });

  it('may have its vectors in any order', async () => {
    const embedder = open(server.url);
    const texts = ['one', 'two', 'three'];
    const inOrder = await embedder.embed(texts, signal);
    server.behaveAlways({ changed: reverse });
    expect(await embedder.embed(texts, signal)).toEqual(inOrder);
    expect(server.requests).toHaveLength(2);
  });

  it.each<[string, Behaviour]>([
    ['has too few vectors', { changed: ({ data }) => ({ data: data.slice(1) }) }],
    ['has too many vectors', { changed: ({ data }) => ({ data: [...data, data[0]] }) }],
    ['has two of one text', { changed: ({ data }) => ({ data: [data[0], data[0]] }) }],
    [
      'has one of no text',
      { changed: ({ data }) => ({ data: [data[0], { ...data[1], index: 7 }] }) },
    ],
    ['has nulls', { changed: ({ data }) => ({ data: [data[0], null] }) }],
    ['has no numbers', { changed: withNumbers(() => null) }],
    ['has zeros', { changed: withNumbers(() => 0) }],
    ['is infinite', { changed: withNumbers(() => 1e200) }],
    ['has no data', { raw: '{"error": {"message": "busy"}}' }],
    ['is a page of a proxy', { raw: '<html>502</html>', type: 'text/html' }],
    ['is no object', { raw: 'null' }],
    ['breaks off', { cutAfter: 100 }],
    ['comes not at all', { cutAfter: 0 }],
    ['is too large', { changed: ({ data }) => ({ data, more: 'x'.repeat(50_000) }) }],
  ])(
    'that %s is asked for again, and is a passing failure where it stays',
    async (_, behaviour) => {
      const bounds = { embedAnswerBytesMax: 50_000, embedBreakerFailuresMax: 20, embedTryMs: 100 };
      const embedder = open(server.url, { limits: bounds });
      server.behave(behaviour);
      const vectors = await embedder.embed(['one', 'two'], signal);
      expect(vectors.map((vector) => cosine(vector, vector))).toEqual([
        expect.closeTo(1, 5),
        expect.closeTo(1, 5),
      ]);
      expect(server.requests).toHaveLength(2);
      server.behaveAlways(behaviour);
      await expect(embedder.embed(['one', 'two'], signal)).rejects.toMatchObject({
        code: 'EMBEDDER_UNAVAILABLE',
      });
    },
  );

  it('with other dimensions is a mismatch, where no shorter ones are to be had too', async () => {
    const short = await serve({ dimensions: 65 });
    await expect(open(short.url, { dimensions: 66 }).embed(['one'], signal)).rejects.toMatchObject({
      code: 'EMBEDDER_MISMATCH',
      data: { found: 65, dimensions: 66 },
    });
    const stubborn = await serve({ dimensions: 128, isObedient: false });
    await expect(open(stubborn.url).embed(['one'], signal)).rejects.toMatchObject({
      code: 'EMBEDDER_MISMATCH',
      data: { found: 128, dimensions: 64 },
    });
  });
});

describe('a refusal', () => {
  it.each([301, 401, 402, 403, 404, 405])(
    'of us (%i) is for good, and shows no key',
    async (status) => {
      const elsewhere = await serve();
      const embedder = open(server.url, { apiKey: 's3cret-key' });
      const headers = { location: elsewhere.url };
      server.behaveAlways({
        status,
        headers,
        error: `the key s3cret-key is ${'wrong '.repeat(99)}`,
      });
      const refused = embedder.embed(['one'], signal);
      await expect(refused).rejects.toMatchObject({ code: 'EMBEDDER_REFUSED', data: { status } });
      const { message } = await refused.catch((thrown) => thrown);
      expect(message).toContain('the key [secret] is wrong');
      expect(message.length).toBeLessThan(400);
      expect(server.requests).toHaveLength(1);
      expect(elsewhere.requests).toEqual([]);
    },
  );

  it('of a key is for good until there is another', async () => {
    const guarded = await serve({ apiKey: 'right' });
    const wrong = open(guarded.url, { apiKey: 'wrong' }).embed(['one'], signal);
    await expect(wrong).rejects.toMatchObject({ code: 'EMBEDDER_REFUSED', data: { status: 401 } });
    expect(await open(guarded.url, { apiKey: 'right' }).embed(['one'], signal)).toHaveLength(1);
  });

  it.each([400, 413, 422])('of texts (%i) is of one of them', async (status) => {
    const embedder = open(server.url);
    server.behave({ status });
    await expect(embedder.embed(['one', 'two'], signal)).rejects.toMatchObject({
      code: 'TEXT_UNEMBEDDABLE',
      data: { status },
    });
    expect(server.requests).toHaveLength(1);
    await expect(embedder.embed([`a ${refusedMarker}`], signal)).rejects.toMatchObject({
      code: 'TEXT_UNEMBEDDABLE',
      data: { status: 400 },
    });
  });

  it('of a text is of the whole configuration where any text is refused', async () => {
    server.behaveAlways({ status: 400, error: 'model may not be empty' });
    await expect(open(server.url).embed(['one'], signal)).rejects.toMatchObject({
      code: 'EMBEDDER_REFUSED',
      message: expect.stringContaining('model may not be empty'),
    });
  });
});

describe('a failure', () => {
  it.each([408, 409, 424, 425, 429, 500, 502, 503, 504])('(%i) is tried again', async (status) => {
    server.behave({ status }, { status });
    expect(await open(server.url).embed(['one'], signal)).toHaveLength(1);
    expect(server.requests).toHaveLength(3);
  });

  it('with 500 that stays is the fault of a text, where the model takes another', async () => {
    const embedder = open(server.url);
    const texts = ['one', `a ${poisonMarker}`];
    await expect(embedder.embed(texts, signal)).rejects.toMatchObject({
      code: 'TEXT_UNEMBEDDABLE',
      data: { status: 500 },
    });
    expect(server.requests.map(({ body }) => body.input)).toEqual([
      ...Array.from({ length: limits.embedSuspectAfter }, () => texts),
      ['word'],
    ]);
    expect(await embedder.embed(['one'], signal)).toHaveLength(1);
  });

  it('that stays is told with what the endpoint said, after the time for all tries', async () => {
    const clock = new HastyClock();
    const { retryBaseMs, retryCapMs } = limits;
    const bounds = { retryBaseMs, retryCapMs, embedBreakerFailuresMax: 100 };
    const embedder = open(server.url, { clock, limits: bounds });
    server.behaveAlways({ status: 503, error: 'loading the model' });
    await expect(embedder.embed(['one'], signal)).rejects.toMatchObject({
      code: 'EMBEDDER_UNAVAILABLE',
      message: expect.stringContaining('503: loading the model'),
      data: { status: 503 },
    });
    expect(clock.pauses).toBe(server.requests.length - 1);
    expect(clock.slept).toBeLessThan(limits.embedTryMs);
  });

  it('to connect is a passing one', async () => {
    await server.close();
    await expect(
      open(server.url, { limits: { embedTryMs: 50 } }).embed(['one'], signal),
    ).rejects.toMatchObject({
      code: 'EMBEDDER_UNAVAILABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('to answer in time is a passing one', async () => {
    server.behaveAlways({ hangs: true });
    const embedder = open(server.url, { limits: { embedTryMs: 50 } });
    await expect(embedder.embed(['one'], signal)).rejects.toMatchObject({
      code: 'EMBEDDER_UNAVAILABLE',
      message: 'no answer within 50 ms',
    });
    await until('the request is ended', () => server.requests[0]?.isLeft);
  });
});

describe('a Retry-After', () => {
  it.each(['7', new Date(startMs + 7_000).toUTCString()])('of %s is kept by all', async (after) => {
    const clock = new HastyClock();
    const embedder = open(server.url, { clock });
    server.behave({ status: 429, headers: { 'retry-after': after } });
    expect(await embedder.embed(['one'], signal)).toHaveLength(1);
    expect(server.requests).toHaveLength(2);
    expect(clock.slept).toBeGreaterThanOrEqual(6_999);
    expect(clock.slept).toBeLessThanOrEqual(7_001);
  });

  it('that is longer than a call may take ends all calls at once, for as long as is believed', async () => {
    const clock = new HastyClock();
    const embedder = open(server.url, { clock });
    server.behave({ status: 429, headers: { 'retry-after': '999999999' } });
    for (const text of ['one', 'two']) {
      const refused = await embedder.embed([text], signal).catch((thrown) => thrown);
      expect(refused.code).toBe('EMBEDDER_UNAVAILABLE');
      expect(refused.data.retryAfterMs).toBeGreaterThan(limits.embedPauseMsMax - 10);
      expect(refused.data.retryAfterMs).toBeLessThanOrEqual(limits.embedPauseMsMax);
    }
    expect(server.requests).toHaveLength(1);
    await clock.sleep(limits.embedPauseMsMax);
    expect(await embedder.embed(['one'], signal)).toHaveLength(1);
  });

  it('is of a model that is alive: it is not left alone', async () => {
    server.behave({ status: 429 }, { status: 429 }, { status: 429 });
    const embedder = open(server.url, { limits: { embedBreakerFailuresMax: 1 } });
    expect(await embedder.embed(['one'], signal)).toHaveLength(1);
  });

  it('that makes no sense is as none', async () => {
    server.behave({ status: 429, headers: { 'retry-after': 'soon' } });
    expect(await open(server.url).embed(['one'], signal)).toHaveLength(1);
  });
});

describe('a model that is away', () => {
  it('is left alone after some failures, and asked again after a while', async () => {
    const bounds = { embedBreakerFailuresMax: 3, embedBreakerMs: 50 };
    const embedder = open(server.url, { limits: bounds });
    server.behaveAlways({ status: 503 });
    await expect(embedder.embed(['one'], signal)).rejects.toMatchObject({
      code: 'EMBEDDER_UNAVAILABLE',
      message: expect.stringContaining('left alone'),
    });
    const asked = server.requests.length;
    expect(asked).toBe(3);
    server.behaveAlways(null);
    await until('the model is asked again', () =>
      embedder.embed(['one'], signal).catch(() => null),
    );
  });

  it('is not asked while it is left alone', async () => {
    const embedder = open(server.url, { limits: { embedBreakerFailuresMax: 1 } });
    server.behave({ status: 503 });
    for (const text of ['one', 'two', 'three']) {
      await expect(embedder.embed([text], signal)).rejects.toMatchObject({
        code: 'EMBEDDER_UNAVAILABLE',
      });
    }
    expect(server.requests).toHaveLength(1);
  });

  it('counts as away when searches gave up waiting for it', async () => {
    const bounds = { embedBreakerFailuresMax: 2, embedQueryMs: 2 };
    const embedder = open(server.url, { limits: bounds });
    server.behaveAlways({ hangs: true });
    const search = () => embedder.embed(['one'], AbortSignal.timeout(40));
    await expect(search()).rejects.toThrow('timeout');
    await expect(search()).rejects.toThrow('timeout');
    await expect(search()).rejects.toMatchObject({ code: 'EMBEDDER_UNAVAILABLE' });
  });

  it('does not count as such when those who asked left at once', async () => {
    const bounds = { embedBreakerFailuresMax: 1, embedQueryMs: 60_000 };
    const embedder = open(server.url, { limits: bounds });
    server.behave({ hangs: true });
    const leaving = new AbortController();
    const left = embedder.embed(['one'], leaving.signal).catch((thrown) => thrown);
    await until('it is there', () => server.requests.length === 1);
    leaving.abort();
    expect(await left).toBe(leaving.signal.reason);
    expect(await embedder.embed(['one'], signal)).toHaveLength(1);
  });

  it('gets as many requests at a time as limits allow; as many wait, and no more', async () => {
    const embedder = open(server.url, { limits: { embedCallsMax: 2, embedWaitingMax: 3 } });
    server.behaveAlways({ hangs: true });
    const leaving = new AbortController();
    const calls = Array.from({ length: 6 }, (_, at) =>
      embedder.embed([`text ${at}`], leaving.signal).catch((thrown) => thrown),
    );
    expect(await calls[5]).toMatchObject({ code: 'EMBEDDER_UNAVAILABLE' });
    await until('two are there', () => server.requests.length === 2);
    leaving.abort(new Error('all leave'));
    for (const call of calls.slice(0, 5)) expect(await call).toBe(leaving.signal.reason);
    server.behaveAlways(null);
    expect(await embedder.embed(['one'], signal)).toHaveLength(1);
    expect(server.texts).toEqual(['text 0', 'text 1', 'one']);
  });
});

describe('a call', () => {
  it('that is left ends its request, and throws the reason, while it waits for its turn too', async () => {
    const embedder = open(server.url, { limits: { embedCallsMax: 1 } });
    server.behave({ hangs: true });
    const [first, second] = [new AbortController(), new AbortController()];
    const one = embedder.embed(['one'], first.signal).catch((thrown) => thrown);
    await until('it is there', () => server.requests.length === 1);
    const two = embedder.embed(['two'], second.signal).catch((thrown) => thrown);
    await quiet();
    second.abort(new Error('second leaves'));
    expect(await two).toBe(second.signal.reason);
    first.abort(new Error('first leaves'));
    expect(await one).toBe(first.signal.reason);
    await until('the request is ended', () => server.requests[0]?.isLeft);
  });

  it('is ended by close', async () => {
    const embedder = open(server.url);
    server.behave({ hangs: true });
    const call = embedder.embed(['one'], signal).catch((thrown) => thrown);
    await until('it is there', () => server.requests.length === 1);
    await embedder.close();
    expect(await call).toMatchObject({
      code: 'EMBEDDER_UNAVAILABLE',
      message: expect.stringContaining('closed'),
    });
    await until('the request is ended', () => server.requests[0]?.isLeft);
    await expect(embedder.embed(['one'], signal)).rejects.toMatchObject({
      code: 'EMBEDDER_UNAVAILABLE',
    });
  });
});
