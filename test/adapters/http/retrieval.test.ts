/** POST /search, POST /query and GET /provenance: what they take, what they answer, and how they end. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Provenance, Retrieval } from '#projections';
import { limits, RuntimeError } from '#runtime';
import { EventStream } from '#test/feed-client';
import { graphPlace } from '#test/graph-place';
import { documentedBy } from '#test/openapi';
import { contextOf, hitOf, retrievalOf, SpokenChat } from '#test/retrieval-parts';
import { partOf, type Shell, serveShell } from '#test/served';
import { until } from '#test/until';

let shell: Shell;
let faultsOf: Awaited<ReturnType<typeof documentedBy>>;
const backend = { ...graphPlace(1), index: null };
beforeAll(async () => {
  shell = await serveShell({ feedPatienceMs: 200 });
  shell.server.gate.open(partOf(backend));
  faultsOf = await documentedBy(shell.url);
});
afterAll(() => shell.server.close());

const found = contextOf(hitOf('a'), hitOf('b', { explained: {}, url: null }));

/** The server, with parts of the backend that are a test's own. */
function asking({
  retrieval = retrievalOf(found),
  chat = null,
}: {
  readonly retrieval?: Retrieval;
  readonly chat?: SpokenChat | null;
} = {}): Shell {
  Object.assign(backend, { retrieval, chat });
  return shell;
}

/** Whatever is asked reaches the retrieval, and its tenant. */
function listening() {
  const heard: unknown[] = [];
  const hear = async (...[tenantId, request]: Parameters<Retrieval['query']>) => {
    heard.push([tenantId, request]);
    return found;
  };
  return { heard, retrieval: retrievalOf(found, { search: hear, query: hear }) };
}

const near = { ids: ['a/b', 'ü'], distance: 3 };
const asked = {
  q: 'why?',
  limit: 50,
  mode: 'vectors',
  types: ['ISSUE', 'PERSON'],
  properties: { status: 'Done' },
  system: 'jira',
  updatedAfter: '2026-01-01T00:00:00Z',
  updatedBefore: '2027-01-01T00:00:00Z',
  near,
};

describe('POST /search', () => {
  it('asks as it was asked, and answers as it is documented', async () => {
    const { heard, retrieval } = listening();
    const { ask } = asking({ retrieval });
    const answer = await ask('/search', { body: asked, tenant: 'acme' });
    expect(heard).toEqual([['acme', asked]]);
    expect(answer).toMatchObject({ status: 200, body: { vectors: 'used', hits: [{}, {}] } });
    expect(answer.headers.get('x-graph-position')).toBe('1');
    const { context: _, citations: __, ...body } = answer.body;
    expect(faultsOf('POST /search', { ...answer, body })).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['no question', {}],
    ['an empty one', { q: '' }],
    ['a long one', { q: 'x'.repeat(limits.searchQueryCharsMax + 1) }],
    ['no JSON', '{"q":'],
    ['a list', [asked]],
    ['a prototype', '{"q":"x","__proto__":{}}'],
    ['what nobody knows', { q: 'x', top_k: 3 }],
    ['a mode that is none', { q: 'x', mode: 'magic' }],
    ['a type that is none', { q: 'x', types: ['TEAM'] }],
    ['no hits', { q: 'x', limit: 0 }],
    ['too many hits', { q: 'x', limit: limits.hitsMax + 1 }],
    ['near nothing', { q: 'x', near: { ids: [], distance: 1 } }],
    ['too far', { q: 'x', near: { ids: ['a'], distance: limits.nearDistanceMax + 1 } }],
    [
      'near too many',
      { q: 'x', near: { ids: Array(limits.filterValuesMax + 1).fill('a'), distance: 1 } },
    ],
    ['a property that is none', { q: 'x', properties: { a: { b: 1 } } }],
    ['a property without a name', { q: 'x', properties: { '': 'b' } }],
    ['an answer', { q: 'x', answer: true }],
  ])('refuses %s', async (_, body) => {
    const { ask } = asking();
    expect(await ask('/search', { body })).toMatchObject({
      status: 400,
      body: { code: 'REQUEST_INVALID' },
    });
  });

  it('goes on by GET as before', async () => {
    const { ask } = asking();
    const { headers, status } = await ask('/search', { method: 'DELETE' });
    expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  });

  it('ends what it has begun for a client that leaves', async () => {
    let signal: AbortSignal | null = null;
    const search: Retrieval['search'] = (_tenantId, _request, given) => {
      signal = given;
      return new Promise((_, reject) => {
        given.addEventListener('abort', () => reject(given.reason), { once: true });
      });
    };
    const { url, lines } = asking({ retrieval: retrievalOf(found, { search }) });
    const leaving = new AbortController();
    const body = JSON.stringify({ q: 'x' });
    const headers = { 'content-type': 'application/json' };
    const request = fetch(`${url}/search`, {
      method: 'POST',
      headers,
      body,
      signal: leaving.signal,
    });
    await until('it is asked', () => signal);
    leaving.abort();
    await expect(request).rejects.toThrow();
    await until('it is ended', () => signal?.aborted);
    await until('the log has it', () => lines.some((line) => line.includes('the client has gone')));
  });
});

describe('POST /query', () => {
  it('answers with a context as it is documented, and with an answer where it is asked for', async () => {
    const { heard, retrieval } = listening();
    const chat = new SpokenChat(['It is ', 'a [1].']);
    const { ask } = asking({ retrieval, chat });
    const body = { ...asked, hops: 2, contextCharsMax: 1_000 };
    const context = await ask('/query', { body, tenant: 'acme' });
    expect(context).toMatchObject({ status: 200, body: found });
    const answer = await ask('/query', { body: { ...body, answer: true }, tenant: 'acme' });
    expect(answer.body).toEqual({ ...found, answer: { text: 'It is a [1].', model: 'spoken' } });
    for (const one of [context, answer]) expect(faultsOf('POST /query', one)).toEqual([]);
    expect(heard).toEqual(Array(2).fill(['acme', body]));
    expect(chat.prompts).toHaveLength(1);
    expect(chat.prompts[0]!.user).toContain('why?');
  });

  it.each([
    [{ answer: true }, 409, 'CHAT_UNCONFIGURED'],
    [{ stream: true }, 409, 'CHAT_UNCONFIGURED'],
    [{ answer: true, sessionId: 's' }, 409, 'CHAT_UNCONFIGURED'],
    [{ hops: limits.hopsMax + 1 }, 400, 'REQUEST_INVALID'],
    [{ contextCharsMax: 0 }, 400, 'REQUEST_INVALID'],
    [{ sessionId: '' }, 400, 'REQUEST_INVALID'],
  ])('refuses %j where nothing can write: %s %s', async (parts, status, code) => {
    const { ask } = asking();
    expect(await ask('/query', { body: { q: 'x', ...parts } })).toMatchObject({
      status,
      body: { code },
    });
  });

  it('is either streamed or told to a session', async () => {
    const { ask } = asking({ chat: new SpokenChat([]) });
    const answer = await ask('/query', { body: { q: 'x', stream: true, sessionId: 's' } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } });
  });

  it.each([
    ['CHAT_UNAVAILABLE', 503],
    ['CHAT_REFUSED', 502],
  ] as const)('is %s where the model is', async (code, status) => {
    const chat = new SpokenChat(['It is '], new RuntimeError(code, 'a secret'));
    const { ask } = asking({ chat });
    const answer = await ask('/query', { body: { q: 'x', answer: true } });
    expect(answer).toMatchObject({ status, body: { code } });
    expect(JSON.stringify(answer.body)).not.toContain('a secret');
  });
});

describe('an answer as it is written', () => {
  const streamed = (url: string, headers = {}) =>
    EventStream.ask(`${url}/query`, { q: 'x', stream: true }, headers);
  const eventsIn = ({ events }: EventStream) => events.map(({ event }) => event);

  it('is the context, the pieces, and an end', async () => {
    const chat = new SpokenChat(['It is\n\n', 'data: [1]']);
    const { url } = asking({ chat });
    const byAccept = await EventStream.ask(
      `${url}/query`,
      { q: 'x' },
      { accept: 'text/event-stream' },
    );
    for (const stream of [await streamed(url), byAccept]) {
      await stream.ended;
      expect(stream.events).toEqual([
        { event: 'context', data: found },
        { event: 'text', data: { text: 'It is\n\n' } },
        { event: 'text', data: { text: 'data: [1]' } },
        { event: 'done', data: { model: 'spoken' } },
      ]);
      expect(stream.headers.get('content-type')).toBe('text/event-stream');
      expect(stream.headers.get('cache-control')).toContain('no-store');
      expect(stream.headers.get('x-content-type-options')).toBe('nosniff');
      expect(stream.headers.get('x-graph-position')).toBe('1');
    }
  });

  it('that breaks off ends with the problem, and the log has the rest', async () => {
    const chat = new SpokenChat(['It is '], new RuntimeError('CHAT_UNAVAILABLE', 'cut at 7'));
    const { url, lines } = asking({ chat });
    const stream = await streamed(url);
    await stream.ended;
    expect(eventsIn(stream)).toEqual(['context', 'text', 'error']);
    expect(stream.events.at(-1)).toMatchObject({ data: { code: 'CHAT_UNAVAILABLE', status: 503 } });
    expect(stream.text).not.toContain('cut at 7');
    expect(lines.some((line) => line.includes('cut at 7'))).toBe(true);
  });

  it('that can not begin is an ordinary problem', async () => {
    const query = async () => {
      throw new RuntimeError('READ_STORE_UNAVAILABLE', 'it is away');
    };
    const retrieval = retrievalOf(found, { query });
    const { url } = asking({ retrieval, chat: new SpokenChat([]) });
    await expect(streamed(url)).rejects.toEqual({ status: 503, code: 'READ_STORE_UNAVAILABLE' });
  });

  it('ends with its client, though the model has yet to say something', async () => {
    const chat = new SpokenChat(['It is '], 'wait');
    const { url } = asking({ chat });
    const stream = await streamed(url);
    await until('it begins', () => eventsIn(stream).includes('text'));
    expect(chat.over).toBe(0);
    stream.leave();
    await until('the model is left', () => chat.over === 1);
  });

  it('is cut when its server closes', async () => {
    const chat = new SpokenChat(['It is '], 'wait');
    const other = await serveShell({ httpCloseMs: 50 });
    const retrieval = retrievalOf(found);
    other.server.gate.open(partOf({ ...backend, retrieval, chat }));
    const stream = await streamed(other.url);
    await until('it begins', () => eventsIn(stream).includes('text'));
    await other.server.close();
    await stream.ended;
    await until('the model is left', () => chat.over === 1);
  });

  it('is written no faster than it is read, and ends for who does not read', async () => {
    const chat = new SpokenChat(pieces('x'.repeat(10_000)));
    const { url } = asking({ chat });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const body = JSON.stringify({ q: 'x', stream: true });
    socket.write(
      `POST /query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    await until('the model is left', () => chat.over === 1);
    expect(chat.spoken).toBeLessThan(2_000);
    socket.destroy();
  });
});

function* pieces(text: string): Generator<string> {
  for (;;) yield text;
}

describe('GET /provenance', () => {
  const event = {
    id: 'e-1',
    type: 'EntityUpdated',
    stream: 'entity-acme/a' as const,
    revision: 1,
    position: 7,
    recordedAt: '2026-11-24T12:00:00.000Z',
  };
  const provenance = async (tenantId: string, chunkId: string): Promise<Provenance> => {
    if (tenantId !== 'acme') throw new RuntimeError('NOT_FOUND', `no passage '${chunkId}'`);
    return {
      chunkId,
      entityId: 'a',
      position: 7,
      event,
      messageId: 'm-1',
      correlationId: null,
      causationId: null,
      webhook: 'delivery-1',
      source: { system: 'jira', id: '1', url: 'https://acme.example/1' },
      url: 'https://acme.example/1',
    };
  };

  it.each(['a#0', 'a/b:c d%2F?é#💡#12', '💡'.repeat(limits.idCharsMax / 2).concat('#999999')])(
    'takes any name of a passage: %s',
    async (chunkId) => {
      const { ask } = asking({ retrieval: retrievalOf(found, { provenance }) });
      const path = `/provenance/${encodeURIComponent(chunkId)}`;
      const answer = await ask(path, { tenant: 'acme' });
      expect(answer).toMatchObject({ status: 200, body: { chunkId, event } });
      expect(faultsOf('GET /provenance/{chunkId}', answer)).toEqual([]);
      expect(await ask(path)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    },
  );
});
