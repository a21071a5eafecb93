import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { defaultConnections } from '#adapters/atlassian';
import { MemoryCache } from '#adapters/memory';
import { openPostgres } from '#adapters/postgres';
import { systemClock } from '#adapters/system';
import { CachedReads, GraphQueries } from '#projections';
import { RuntimeError } from '#runtime';
import { graphPlace } from '#test/graph-place';
import { createEntity } from '#test/messages';
import { partOf, type Shell, serveShell } from '#test/served';
import { inTime, type Stage, stage } from '#test/stage';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';

const open: Shell[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ server }) => server.close()));
});

async function shell(...[limits]: Parameters<typeof serveShell>): Promise<Shell> {
  const made = await serveShell(limits);
  open.push(made);
  return made;
}

/** The true runtime on a log that a test holds in its hand, behind a true server. */
async function shellOnStage(): Promise<Shell & { readonly stage: Stage }> {
  const made = await shell();
  const staged = await stage();
  const { bus, log, runtime, telemetry } = staged;
  const connections = defaultConnections();
  made.server.gate.open(partOf({ bus, log, runtime, telemetry, connections }));
  return { ...made, stage: staged };
}

const everywhere = [
  '/webhooks/jira',
  '/webhooks/nobody',
  '/commands',
  '/entities/issue-1',
  '/no/such/path',
  '/entities/%zz',
] as const;

describe('before the node is up', () => {
  it.each(everywhere)('%s is 503, never a 4xx', async (path) => {
    const { ask } = await shell();
    for (const asked of [{}, { body: '{}' }, { body: '{}', tenant: '/' }]) {
      const answer = await ask(path, asked);
      expect(answer).toMatchObject({ status: 503, body: { code: 'NOT_READY' } });
      expect(answer.headers.get('retry-after')).toBe('2');
    }
  });

  it('is alive and not ready, and shows its documentation', async () => {
    const { ask } = await shell();
    expect(await ask('/health/live')).toMatchObject({ status: 200 });
    expect(await ask('/health/ready')).toMatchObject({ status: 503, body: { code: 'NOT_READY' } });
    expect(await ask('/docs/json')).toMatchObject({ status: 200 });
  });
});

describe('while the node drains', () => {
  it.each(everywhere)('%s is 503, and the connection closes', async (path) => {
    const { ask, server } = await shell();
    server.gate.open(partOf({}));
    server.gate.drain();
    const answer = await ask(path, { body: '{}' });
    expect(answer).toMatchObject({ status: 503, body: { code: 'SHUTTING_DOWN' } });
    expect(answer.headers.get('connection')).toBe('close');
  });

  it('is alive and not ready', async () => {
    const { ask, server } = await shell();
    server.gate.open(partOf(partOfHealth({})));
    server.gate.drain();
    expect(await ask('/health/live')).toMatchObject({ status: 200 });
    expect(await ask('/health/ready')).toMatchObject({
      status: 503,
      body: { code: 'SHUTTING_DOWN' },
    });
  });

  it('waits for no connection that never asked anything', async () => {
    const { server, url } = await shell({ httpUnaskedMs: 1, httpCloseMs: 3_600_000 });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    await server.close();
    await closed;
  });

  it('hears a request that is on its way when it closes', async () => {
    const { server, url } = await shell();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    const heard = once(socket, 'data');
    const closed = server.close();
    socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(String(await heard)).toMatch(/^HTTP\/1.1 /);
    await closed;
  });

  it('answers what was under way before it closes', async () => {
    const { ask, server, stage: staged } = await shellOnStage();
    const disk = Promise.withResolvers<void>();
    staged.log.onAppend = async (append, ...args) => {
      await disk.promise;
      return append(...args);
    };
    const answer = ask('/commands', { body: createEntity() });
    await until('the command is in flight', () => staged.runtime.activeActors === 1);
    server.gate.drain();
    const drained = staged.runtime.stop();
    disk.resolve();
    expect(await answer).toMatchObject({ status: 202 });
    await drained;
    await server.close();
  });

  it('cuts, in the end, a connection that never finishes', async () => {
    const { url, server } = await shell({ httpCloseMs: 50 });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('POST /commands HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{');
    await once(socket, 'connect');
    socket.resume().on('error', () => undefined);
    const closed = once(socket, 'close');
    await server.close();
    await closed;
  });
});

function partOfHealth(failing: { readonly [part in 'bus' | 'log' | 'readStore']?: boolean }) {
  const answer = (isFailing = false) =>
    isFailing ? new Promise<never>(() => undefined) : Promise.resolve(0);
  return {
    bus: { check: () => answer(failing.bus) },
    log: { head: () => answer(failing.log) },
    readStore: { query: () => answer(failing.readStore) },
    runtime: { projections: async () => [{ name: 'graph', status: 'stopped' }] },
  } as never;
}

describe('/health/ready', () => {
  it('names a stopped projection and is ready all the same', async () => {
    const { ask, server } = await shell();
    server.gate.open(partOfHealth({}));
    expect(await ask('/health/ready')).toMatchObject({
      status: 200,
      body: { status: 'ready', stoppedProjections: ['graph'] },
    });
  });

  it.each([
    ['bus', 'BUS_UNAVAILABLE'],
    ['log', 'LOG_UNAVAILABLE'],
    ['readStore', 'READ_STORE_UNAVAILABLE'],
  ])('is not ready when the %s does not answer in time', async (part, code) => {
    const { ask, server } = await shell({ healthCheckMs: 20 });
    server.gate.open(partOfHealth({ [part]: true }));
    const answer = await ask('/health/ready');
    expect(answer).toMatchObject({ status: 503, body: { code } });
    expect(answer.body.data.checks).toHaveLength(3);
  });
});

describe('a fault behind the server', () => {
  it('is 503 while the log is away, also for a webhook', async () => {
    const { ask, stage: staged } = await shellOnStage();
    staged.log.onAppend = () => Promise.reject(new RuntimeError('LOG_UNAVAILABLE', 'away: /data'));
    const body = { timestamp: 1, webhookEvent: 'jira:issue_deleted', issue: { id: '1' } };
    for (const asked of [
      ask('/commands', { body: createEntity() }),
      ask('/webhooks/jira', { body }),
    ]) {
      const answer = await inTime(staged.clock, asked);
      expect(answer).toMatchObject({ status: 503, body: { code: 'LOG_UNAVAILABLE' } });
      expect(JSON.stringify(answer.body)).not.toContain('/data');
    }
  });

  it('is 507 while the disk is full', async () => {
    const { ask, stage: staged } = await shellOnStage();
    staged.log.onAppend = () => Promise.reject(new RuntimeError('LOG_FULL', 'full'));
    const answer = await inTime(staged.clock, ask('/commands', { body: createEntity() }));
    expect(answer).toMatchObject({ status: 507, body: { code: 'LOG_FULL' } });
  });

  it('is 503 while other writers win every race', async () => {
    const { ask, stage: staged } = await shellOnStage();
    staged.log.onAppend = async () => ({ kind: 'conflict', actual: 7 });
    const answer = await inTime(staged.clock, ask('/commands', { body: createEntity() }));
    expect(answer).toMatchObject({ status: 503, body: { code: 'CONFLICT_UNRESOLVED' } });
  });

  it('is 503 once the bus takes nothing new', async () => {
    const { ask, stage: staged } = await shellOnStage();
    await staged.runtime.stop();
    const answer = await ask('/commands', { body: createEntity() });
    expect(answer).toMatchObject({ status: 503, body: { code: 'SHUTTING_DOWN' } });
  });

  it('is 503 for queries while the read store is away; commands go on', async () => {
    const { ask, server } = await shell();
    const { bus, log } = await stage();
    const readStore = openPostgres({ url: 'postgres://nobody@127.0.0.1:1/nothing' });
    const graph = new GraphQueries(readStore);
    const cache = new MemoryCache({ clock: systemClock, telemetry: new Recorder() });
    const cached = new CachedReads({ cache, graph, store: readStore, generation: () => 1 });
    const { runtime } = graphPlace();
    server.gate.open(partOf({ bus, log, readStore, cached, runtime }));
    expect(await ask('/entities/issue-1')).toMatchObject({
      status: 503,
      body: { code: 'READ_STORE_UNAVAILABLE' },
    });
    expect(await ask('/commands', { body: createEntity() })).toMatchObject({ status: 202 });
    await readStore.close();
  });

  it('that nobody expected is 500, and its details are in the log alone', async () => {
    const { ask, lines, server } = await shell();
    server.gate.open(partOf(graphPlace()));
    const answer = await ask('/entities/issue-1');
    expect(answer).toMatchObject({ status: 500, body: { code: 'INTERNAL' } });
    expect(JSON.stringify(answer.body)).not.toMatch(/undefined|\.ts/);
    const id = answer.body.instance.replace('urn:uuid:', '');
    const line = lines.find((one) => one.includes(id));
    expect(line).toContain('reading');
    expect(line).toContain('entity-routes.ts');
  });
});

describe('too much', () => {
  it('is turned away with 503 when too many requests are under way, until some are done', async () => {
    const { ask, server } = await shell({ httpRequestsMax: 2 });
    const slow = Promise.withResolvers<void>();
    const cached = { entity: () => slow.promise.then(() => ({})) } as unknown as CachedReads;
    server.gate.open(partOf({ ...graphPlace(), cached }));
    const waiting = [ask('/entities/a'), ask('/entities/b')];
    await until('the third is turned away', async () => {
      const { status, body } = await ask('/entities/c');
      return status === 503 && body.code === 'BUS_SATURATED';
    });
    slow.resolve();
    for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(200);
    await until('there is room again', async () => (await ask('/entities/d')).status === 200);
  });

  it('is turned away with 503 when the bodies under way come to too many bytes', async () => {
    const { ask, server } = await shell({ httpBodiesBytesMax: 100 });
    const { bus } = await stage();
    server.gate.open(partOf({ bus }));
    const command = createEntity();
    expect(await ask('/commands', { body: command })).toMatchObject({
      status: 503,
      body: { code: 'BUS_SATURATED' },
    });
    expect(await ask('/commands', { body: '{}' })).toMatchObject({ status: 400 });
  });

  it('is refused with 431 for headers', async () => {
    const { ask } = await shell();
    const answer = await ask('/health/live', { headers: { 'x-much': 'x'.repeat(20_000) } });
    expect(answer).toMatchObject({ status: 431, body: { code: 'HEADERS_TOO_LARGE' } });
  });
});

describe('what is no request', () => {
  async function raw({ url }: Shell, text: string): Promise<string> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(text);
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    return answer;
  }

  const problemIn = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));

  it('is refused with 400', async () => {
    const answer = await raw(await shell(), 'HELO there\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request/);
    expect(problemIn(answer)).toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('is given up with 408 when it does not arrive in time', async () => {
    const slow = await shell({ httpRequestMs: 100 });
    slow.server.gate.open(partOf({}));
    const answer = await raw(slow, 'POST /commands HTTP/1.1\r\nHost: x\r\nContent-Le');
    expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout/);
    expect(problemIn(answer)).toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });
});

describe('listening', () => {
  it('where another server listens is a mistake of the configuration', async () => {
    const { url } = await shell();
    const port = Number(new URL(url).port);
    await expect(serveShell({}, port)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('another program listens there'),
    });
  });
});
