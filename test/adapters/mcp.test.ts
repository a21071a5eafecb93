import { request as httpRequest } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { answerMcp, type Knowledge } from '#adapters/mcp';
import { errorCatalogue, limits } from '#runtime';
import { type McpClient, overHttp } from '#test/mcp-client';
import { createEntity, deleteEntity, linkEntities, updateEntity } from '#test/messages';
import {
  type Asked,
  partOf,
  type Served,
  type Shell,
  serveNode,
  serveShell,
  settled,
} from '#test/served';
import { until } from '#test/until';
import { fitted } from '../../adapters/mcp/fitted.ts';

const page = 'confluence:fjord/page:7';

let served: Served;
let acme: McpClient;
beforeAll(async () => {
  served = await serveNode();
  for (const message of [
    createEntity({
      id: page,
      type: 'DOCUMENT',
      properties: { title: 'Refunds', text: 'Refund\nwithin a week.' },
    }),
    createEntity({
      id: 'tix-2',
      properties: { key: 'TIX-2', title: 'Refund endpoint', status: 'Open' },
    }),
    createEntity({ id: 'ada', type: 'PERSON', properties: { name: 'Ada' } }),
    createEntity({ id: 'gone', properties: { title: 'Gone' } }),
    linkEntities({ id: 'l-1', from: 'tix-2', to: 'ada', type: 'ASSIGNED_TO' }),
    linkEntities({
      id: 'l-2',
      from: page,
      to: 'tix-2',
      type: 'RELATED_TO',
      properties: { role: 'mentions' },
    }),
    updateEntity({ id: 'tix-2', properties: { status: 'Done' }, at: 1 }),
    deleteEntity({ id: 'gone', at: 1 }),
    createEntity({ id: 'long', properties: { text: '"long" '.repeat(30_000) } }),
    createEntity({ id: 'tix-2', tenantId: 'other', properties: { title: 'Secret ferry' } }),
  ]) {
    await served.ask('/commands', { body: message });
  }
  await settled(served.url);
  const { index, log } = served.node;
  await index?.reached(await log.head(), AbortSignal.timeout(20_000));
  acme = await overHttp(served.url, 'acme');
});
afterAll(async () => {
  await acme.client.close();
  await served.close();
});

const shells: Shell[] = [];
afterEach(async () => {
  await Promise.all(shells.splice(0).map(({ server }) => server.close()));
});

/** A server whose node knows only this much. */
async function knowing(knowledge: Partial<Knowledge>): Promise<Shell> {
  const shell = await serveShell();
  shell.server.gate.open(partOf(knowledge as never));
  shells.push(shell);
  return shell;
}

/** One JSON-RPC message, as it goes over HTTP. */
function post(shell: Pick<Shell, 'ask'>, body: unknown, asked: Asked = {}) {
  const headers = { accept: 'application/json, text/event-stream', ...asked.headers };
  return shell.ask('/mcp', { ...asked, body, headers });
}

const callOf = (name: string, args: unknown) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: args },
});

describe('the tools', () => {
  it('are listed with what they take, and none of them writes or takes a tenant', async () => {
    const { tools } = await acme.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      'search',
      'query',
      'entity',
      'neighbours',
      'path',
      'history',
    ]);
    for (const { annotations, inputSchema } of tools) {
      expect(annotations).toMatchObject({ readOnlyHint: true });
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      expect(Object.keys(inputSchema.properties ?? {})).not.toContain('tenantId');
    }
    expect(acme.client.getInstructions()).toContain('`search`');
  });

  it('search: what is found, best first, with the passages and why', async () => {
    const { structured, text } = await acme.call('search', {
      q: 'refund',
      types: ['ISSUE'],
      limit: 1,
    });
    expect(structured.hits).toMatchObject([
      {
        id: 'tix-2',
        type: 'ISSUE',
        title: 'TIX-2 Refund endpoint',
        url: 'https://acme.example/tix-2',
        explained: { words: { rank: 1 } },
      },
    ]);
    expect(structured.positions.graph).toBeGreaterThan(0);
    expect(text).toMatch(
      /^1\. ISSUE TIX-2 Refund endpoint \[tix-2\] https:\S+\n {3}.*\*\*Refund\*\*/,
    );
    const near = await acme.call('search', { q: 'refund', near: { ids: ['ada'], distance: 1 } });
    expect(near.structured.hits).toMatchObject([{ id: 'tix-2' }]);
    const nothing = await acme.call('search', { q: 'refund', properties: { status: 'Nowhere' } });
    expect(nothing).toMatchObject({ structured: { hits: [] } });
    expect(nothing.text).toContain('Nothing is found.');
  });

  it('query: a context with marks, and a citation for each', async () => {
    const { structured, text } = await acme.call('query', { q: 'refund', hops: 1 });
    expect(text).toContain(structured.context);
    const marks = new Set([...structured.context.matchAll(/\[(\d+)\]/g)].map(([, n]) => Number(n)));
    expect([...marks].toSorted((a, b) => a - b)).toEqual(
      structured.citations.map(({ n }: { n: number }) => n),
    );
    expect(structured.context).toContain('Ada');
  });

  it('entity: everything of one, now and as of then', async () => {
    const now = await acme.call('entity', { id: 'tix-2' });
    expect(now.structured).toEqual((await served.ask('/entities/tix-2', { tenant: 'acme' })).body);
    expect(now.text).toContain('ISSUE TIX-2 Refund endpoint [tix-2] https://acme.example/tix-2\n');
    expect(now.text).toContain('\nstatus: Done');
    const then = await acme.call('entity', { id: 'tix-2', asOf: 'revision:0' });
    expect(then.structured).toMatchObject({
      properties: { status: 'Open' },
      asOf: { revision: 0 },
    });
  });

  it('neighbours: a page at a time, by type and direction, now and as of then', async () => {
    const first = await acme.call('neighbours', { id: 'tix-2', limit: 1 });
    expect(first.structured.items).toMatchObject([
      {
        direction: 'out',
        relationship: { type: 'ASSIGNED_TO' },
        entity: { id: 'ada', title: 'Ada' },
      },
    ]);
    expect(first.text).toContain('→ ASSIGNED_TO PERSON Ada [ada]');
    const cursor = first.structured.next;
    expect(first.text).toContain(cursor);
    const second = await acme.call('neighbours', { id: 'tix-2', limit: 1, cursor });
    expect(second.structured).toMatchObject({ items: [{ entity: { id: page } }], next: null });
    expect(second.text).toContain(`← RELATED_TO (mentions) DOCUMENT Refunds [${page}]`);
    const none = { id: 'tix-2', type: 'DEPENDS_ON', direction: 'out' };
    expect((await acme.call('neighbours', none)).text).toBe('It is linked to nothing.');
    const before = await acme.call('neighbours', { id: 'tix-2', asOf: 'revision:0' });
    expect(before.structured).toMatchObject({ items: [], asOf: {} });
  });

  it('path: a chain of links with their direction, or that there is none', async () => {
    const { structured, text } = await acme.call('path', { from: page, to: 'ada' });
    expect(structured.path).toMatchObject({
      length: 2,
      nodes: [{ id: page }, { id: 'tix-2' }, { id: 'ada' }],
      edges: [{ id: 'l-2' }, { id: 'l-1' }],
    });
    expect(text.split('\n').filter((line) => line.startsWith(' '))).toEqual([
      '  RELATED_TO (mentions) →',
      '  ASSIGNED_TO →',
    ]);
    const back = await acme.call('path', { from: 'ada', to: page });
    expect(back.text).toContain('\n  ← ASSIGNED_TO\n');
    expect(await acme.call('path', { from: 'long', to: 'ada' })).toMatchObject({
      structured: { path: null },
      text: `They are not connected within ${limits.pathLengthMax} links.`,
    });
  });

  it('history: events a page at a time, also of what is deleted', async () => {
    const first = await acme.call('history', { id: 'gone', limit: 1 });
    expect(first.structured).toMatchObject({ items: [{ type: 'EntityCreated' }], next: 1 });
    const second = await acme.call('history', { id: 'gone', from: 1 });
    expect(second.structured).toMatchObject({ items: [{ type: 'EntityDeleted' }], next: null });
    expect(second.text).toMatch(/^1\. \S+ EntityDeleted \(position \d+\) \{/);
    expect(await acme.call('history', { id: 'gone', from: 2 })).toMatchObject({
      structured: { items: [], next: null },
    });
  });

  it('show no text as further lines of an answer', async () => {
    const { text } = await acme.call('entity', { id: page });
    expect(text.split('\n')).toHaveLength(4);
    expect(text).toContain('text: "Refund\\nwithin a week."');
  });
});

describe('an answer', () => {
  it('is shortened where it is too long, and says so; ids stay whole', async () => {
    for (const [name, text] of [
      ['entity', (told: { properties: { text: string } }) => told.properties.text],
      [
        'history',
        (told: never) =>
          (told as { items: [{ data: { properties: { text: string } } }] }).items[0].data.properties
            .text,
      ],
    ] as const) {
      const told = await acme.call(name, { id: 'long' });
      expect(told.structured.isShortened).toBe(true);
      expect(text(told.structured as never)).toMatch(/^("long" )+.*…$/);
      expect(told.text).toContain('(Long texts are shortened where … stands.)');
      expect(told.text.length).toBeLessThanOrEqual(limits.mcpAnswerCharsMax);
    }
  });

  it('has at most its length, with all that is not text as it was, or is QUERY_TOO_LARGE', () => {
    const item = fc.record({
      id: fc.string({ maxLength: limits.idCharsMax }),
      properties: fc.dictionary(
        fc.string(),
        fc.oneof(fc.string(), fc.integer(), fc.array(fc.string())),
      ),
      size: fc.nat({ max: 60_000 }),
    });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 40 }), (items) => {
        const long = items.map(({ id, properties, size }) => ({
          id,
          properties: { ...properties, text: '"\ud83d\ude00'.repeat(size) },
        }));
        const { answer, isShortened } = fitted({ items: long });
        expect(JSON.stringify(answer).length).toBeLessThanOrEqual(limits.mcpAnswerCharsMax);
        expect(answer.items.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
        if (!isShortened) expect(answer).toEqual({ items: long });
      }),
      { numRuns: 50 },
    );
    const ids = Array.from({ length: 200 }, () => ({ id: 'x'.repeat(limits.idCharsMax) }));
    expect(() => fitted({ ids })).toThrow(expect.objectContaining({ code: 'QUERY_TOO_LARGE' }));
  });
});

describe('what is asked wrongly', () => {
  it.each<[code: keyof typeof errorCatalogue, name: string, args: unknown]>([
    ['NOT_FOUND', 'entity', { id: 'nobody' }],
    ['NOT_FOUND', 'entity', { id: 'gone' }],
    ['NOT_FOUND', 'history', { id: 'nobody' }],
    ['NOT_FOUND', 'neighbours', { id: 'nobody' }],
    ['NOT_FOUND', 'path', { from: 'ada', to: 'nobody' }],
    ['REQUEST_INVALID', 'entity', {}],
    ['REQUEST_INVALID', 'entity', { id: 7 }],
    ['REQUEST_INVALID', 'entity', { id: 'a\u0000b' }],
    ['REQUEST_INVALID', 'entity', { id: 'x'.repeat(limits.idCharsMax + 1) }],
    ['REQUEST_INVALID', 'entity', { id: 'ada', tenantId: 'other' }],
    ['REQUEST_INVALID', 'entity', { id: 'ada', ['x'.repeat(100_000)]: 1 }],
    ['REQUEST_INVALID', 'entity', { id: 'ada', asOf: 'yesterday' }],
    ['REQUEST_INVALID', 'neighbours', { id: 'ada', limit: 0 }],
    ['REQUEST_INVALID', 'neighbours', { id: 'ada', limit: limits.mcpItemsMax + 1 }],
    ['REQUEST_INVALID', 'neighbours', { id: 'ada', direction: 'up' }],
    ['REQUEST_INVALID', 'neighbours', { id: 'ada', cursor: 'bm9uc2Vuc2U' }],
    ['REQUEST_INVALID', 'history', { id: 'ada', from: -1 }],
    ['REQUEST_INVALID', 'search', {}],
    ['REQUEST_INVALID', 'search', { q: 'x'.repeat(limits.searchQueryCharsMax + 1) }],
    ['REQUEST_INVALID', 'search', { q: 'a\u0000b' }],
    ['REQUEST_INVALID', 'search', { q: 'a', types: ['CAR'] }],
    ['REQUEST_INVALID', 'search', { q: 'a', near: { ids: [], distance: 1 } }],
    ['REQUEST_INVALID', 'search', { q: 'a', updatedAfter: 'yesterday' }],
    ['REQUEST_INVALID', 'query', { q: 'a', contextCharsMax: limits.mcpAnswerCharsMax }],
  ])('is told with %s and what to do: %s', async (code, name, args) => {
    const { hint } = errorCatalogue[code];
    const told = await acme.call(name, args as Record<string, unknown>);
    expect(told).toMatchObject({ isError: true, structured: { code, hint } });
    expect(told.text.startsWith(`${code}: `)).toBe(true);
    expect(told.text).toContain(hint);
    expect(told.text.length).toBeLessThan(1_000);
  });

  it('names the argument that is wrong', async () => {
    const told = await acme.call('neighbours', { id: 'ada', direction: 'up', tenantId: 'other' });
    expect(told.structured.detail).toContain('there is no argument tenantId');
    expect(told.structured.detail).toContain(
      '/direction must be equal to one of the allowed values: out, in, both',
    );
  });

  it('is an error of the protocol where there is no such tool', async () => {
    for (const name of ['delete', '__proto__', 'constructor', '']) {
      await expect(acme.call(name)).rejects.toMatchObject({ code: -32602 });
    }
    await expect(acme.client.listResources()).rejects.toThrow();
  });

  it('learns of a failure of ours its code alone; the log has the rest', async () => {
    const shell = await knowing({
      cached: {
        entity: () => Promise.reject(new Error('password=hunter2')),
      } as never,
    });
    const { client, call } = await overHttp(shell.url);
    const told = await call('entity', { id: 'a' });
    expect(told).toMatchObject({ isError: true, structured: { code: 'INTERNAL' } });
    expect(JSON.stringify(told)).not.toContain('hunter2');
    expect(shell.lines.join()).toContain('hunter2');
    await client.close();
  });
});

describe('the transport', () => {
  it('answers JSON where both forms are accepted, and nothing to a notification', async () => {
    const answer = await post(served, { jsonrpc: '2.0', id: 'a', method: 'ping' });
    expect(answer).toMatchObject({ status: 200, body: { jsonrpc: '2.0', id: 'a', result: {} } });
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    const notice = { jsonrpc: '2.0', method: 'notifications/initialized' };
    expect(await post(served, notice)).toMatchObject({ status: 202, body: '' });
  });

  it.each<[status: number, why: string, body: unknown, asked: Asked]>([
    [400, 'no JSON', '{"jsonrpc":', {}],
    [400, 'several messages', [{ jsonrpc: '2.0', id: 1, method: 'ping' }], {}],
    [400, 'no JSON-RPC', { hello: 'world' }, {}],
    [400, 'JSON-RPC of another version', { jsonrpc: '1.0', id: 1, method: 'ping' }, {}],
    [400, 'a poisoned object', '{"jsonrpc":"2.0","id":1,"method":"ping","__proto__":{}}', {}],
    [
      400,
      'a protocol that nobody knows',
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { headers: { 'mcp-protocol-version': '1999-01-01' } },
    ],
    [
      406,
      'a client that takes no JSON',
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { headers: { accept: 'text/html' } },
    ],
    [
      413,
      'too long a message',
      { jsonrpc: '2.0', id: 1, method: 'x'.repeat(limits.mcpMessageBytesMax) },
      {},
    ],
    [415, 'another media type', '<ping/>', { headers: { 'content-type': 'text/xml' } }],
  ])('refuses with %i: %s', async (status, _, body, asked) => {
    expect(await post(served, body, asked)).toMatchObject({ status });
  });

  it('takes an argument that is nested as deep as it goes', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const body = JSON.stringify(callOf('entity', { id: 'DEEP' })).replace('"DEEP"', deep);
    expect(await post(served, body)).toMatchObject({
      status: 200,
      body: { result: { isError: true, structuredContent: { code: 'REQUEST_INVALID' } } },
    });
  });

  it('has no session to listen to or to end', async () => {
    for (const method of ['GET', 'DELETE']) {
      const answer = await served.ask('/mcp', { method });
      expect(answer).toMatchObject({ status: 405, body: { code: 'METHOD_NOT_ALLOWED' } });
      expect(answer.headers.get('allow')).toBe('POST');
    }
  });

  it('is not there before the node is up, nor while it drains', async () => {
    const shell = await serveShell();
    shells.push(shell);
    expect(await post(shell, callOf('entity', { id: 'a' }))).toMatchObject({
      status: 503,
      body: { code: 'NOT_READY' },
    });
    shell.server.gate.open(partOf({}));
    shell.server.gate.drain();
    expect(await post(shell, callOf('entity', { id: 'a' }))).toMatchObject({
      status: 503,
      body: { code: 'SHUTTING_DOWN' },
    });
  });

  it('aborts what is under way when its client leaves', async () => {
    const aborted = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const shell = await knowing({
      retrieval: {
        search: (_tenantId: string, _request: unknown, signal: AbortSignal) => {
          signal.addEventListener('abort', () => aborted.resolve());
          asked.resolve();
          return new Promise<never>(() => undefined);
        },
      } as never,
    });
    const client = new AbortController();
    const answer = fetch(`${shell.url}/mcp`, {
      method: 'POST',
      headers: {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
      },
      body: JSON.stringify(callOf('search', { q: 'a' })),
      signal: client.signal,
    });
    await asked.promise;
    client.abort();
    await expect(answer).rejects.toThrow();
    await aborted.promise;
    await shell.server.close();
  });

  it('keeps nothing of a call that is over, answered or left', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const callers: WeakRef<object>[] = [];
    const ask = async (id: string, leave: boolean) => {
      const left = new AbortController();
      const knowledge = {
        cached: {
          entity: () => {
            if (leave) left.abort();
            return leave
              ? new Promise(() => undefined)
              : Promise.resolve({ id, properties: {}, source: {} });
          },
        },
      } as unknown as Knowledge;
      callers.push(new WeakRef(knowledge));
      const request = new Request('http://node/mcp', {
        method: 'POST',
        headers: {
          accept: 'application/json, text/event-stream',
          'content-type': 'application/json',
        },
      });
      const answer = await answerMcp(request, callOf('entity', { id }), {
        tenantId: 'acme',
        knowledge,
        signal: left.signal,
        version: '1',
        refusalOf: (thrown) => ({ code: 'INTERNAL', hint: String(thrown) }),
      });
      expect((await answer.text()).includes('structuredContent')).toBe(!leave);
    };
    const calls = Array.from({ length: 100 }, (_, at) => ask(`e-${at}`, at % 2 === 0));
    await Promise.all(calls.splice(0));
    await until('every caller is forgotten', () => {
      collect();
      return callers.every((one) => one.deref() === undefined);
    });
  });
});

describe('tenants', () => {
  it('never meet: the header decides, and no argument does', async () => {
    const other = await overHttp(served.url, 'other');
    expect((await other.call('entity', { id: 'tix-2' })).structured.properties.title).toBe(
      'Secret ferry',
    );
    expect((await acme.call('entity', { id: 'tix-2' })).structured.properties.title).toBe(
      'Refund endpoint',
    );
    expect((await other.call('neighbours', { id: 'tix-2' })).structured.items).toEqual([]);
    expect((await other.call('history', { id: 'ada' })).structured.code).toBe('NOT_FOUND');
    for (const name of ['search', 'query']) {
      const found = async (client: McpClient, q: string) =>
        JSON.stringify((await client.call(name, { q })).structured);
      expect(await found(other, 'refund endpoint')).not.toContain('Refund endpoint');
      expect(await found(acme, 'secret ferry')).not.toContain('Secret ferry');
    }
    await other.client.close();
    const none = await overHttp(served.url);
    expect((await none.call('entity', { id: 'tix-2' })).structured.code).toBe('NOT_FOUND');
    await none.client.close();
  });

  it('must be well named', async () => {
    const answer = await post(served, callOf('entity', { id: 'ada' }), { tenant: '../acme' });
    expect(answer).toMatchObject({ status: 400, body: { code: 'TENANT_INVALID' } });
  });
});

describe('a page in a browser', () => {
  /** `fetch` sets no Host. */
  function statusFor(host: string, origin: string): Promise<number | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    const headers = {
      host,
      origin,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    };
    const asked = httpRequest(`${served.url}/mcp`, { method: 'POST', headers }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode));
    });
    asked.on('error', reject).end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }));
    return promise;
  }

  it.each([
    [200, '127.0.0.1:3000', 'http://127.0.0.1:3000'],
    [200, 'localhost:3000', 'http://localhost:3000'],
    [200, '[::1]:3000', 'http://[::1]:3000'],
    [403, '127.0.0.1:3000', 'http://evil.example'],
    [403, '127.0.0.1:3000', 'http://127.0.0.1:4000'],
    [403, '127.0.0.1:3000', 'null'],
    [403, 'rebound.example:3000', 'http://rebound.example:3000'],
  ])('gets %i at %s from %s', async (status, host, origin) => {
    expect(await statusFor(host, origin)).toBe(status);
  });
});
