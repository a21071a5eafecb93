import { afterEach, describe, expect, it } from 'vitest';
import { RuntimeError } from '#runtime';
import { partOf, type Shell, serveShell } from '#test/served';

const open: Shell[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ server }) => server.close()));
});

/** A server whose node answers as `parts` say, and is well in everything else. */
async function nodeWith(parts: object, limits: Parameters<typeof serveShell>[0] = {}) {
  const made = await serveShell({ healthKeptMs: 0, ...limits });
  open.push(made);
  const well = {
    bus: { check: async () => undefined },
    log: { head: async () => 7, readAll: async () => [] },
    readStore: { query: async () => [] },
    runtime: { projections: async () => [projection] },
    index: null,
  };
  made.server.gate.open(partOf({ ...well, ...parts } as never));
  return made;
}

const projection = { name: 'graph', status: 'live', position: 7, lag: 0, error: null };
const never = () => new Promise<never>(() => undefined);
const away = (code: 'REDIS_UNAVAILABLE' | 'READ_STORE_UNAVAILABLE') => () =>
  Promise.reject(new RuntimeError(code, 'at redis://:hunter2@cache'));
const ageing = (ms: number) => ({
  log: {
    head: async () => 9,
    readAll: async () => [{ metadata: { recordedAt: new Date(Date.now() - ms).toISOString() } }],
  },
  runtime: { projections: async () => [{ ...projection, lag: 2 }] },
});
const stopped = { ...projection, status: 'stopped', error: { code: 'DATA_CORRUPT' } };
const indexed = (standing: object) => ({
  index: { position: async () => 7 },
  indexStanding: async () => standing,
});
const upset = { code: 'EMBEDDER_REFUSED' };

describe('GET /health', () => {
  it('is healthy where everything is, and says of when that is', async () => {
    const { ask } = await nodeWith({ redis: async () => ({ connectedClients: 1 }) });
    const { body, headers, status } = await ask('/health');
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'healthy', phase: 'ready' });
    expect(Date.parse(body.checkedAt)).not.toBeNaN();
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body.checks.map(({ name }: { name: string }) => name)).toEqual([
      'bus',
      'log',
      'read-store',
      'projections',
      'redis',
      'audit',
    ]);
  });

  it.each<[part: string, status: string, error: string | undefined, parts: object]>([
    ['bus', 'unhealthy', 'BUS_UNAVAILABLE', { bus: { check: never } }],
    ['log', 'unhealthy', 'LOG_UNAVAILABLE', { log: { head: never } }],
    ['read-store', 'unhealthy', 'READ_STORE_UNAVAILABLE', { readStore: { query: never } }],
    ['redis', 'degraded', 'REDIS_UNAVAILABLE', { redis: away('REDIS_UNAVAILABLE') }],
    ['redis', 'degraded', 'REDIS_UNAVAILABLE', { redis: never }],
    [
      'projections',
      'degraded',
      'DATA_CORRUPT',
      { runtime: { projections: async () => [stopped] } },
    ],
    ['projections', 'degraded', undefined, ageing(61_000)],
    ['projections', 'healthy', undefined, ageing(1_000)],
    [
      'index',
      'degraded',
      'EMBEDDER_REFUSED',
      { index: { position: async () => 7, failure: upset } },
    ],
    ['index', 'degraded', undefined, indexed({ pending: 0, failed: 3 })],
    ['index', 'healthy', undefined, indexed({ pending: 3, failed: 0 })],
    ['index', 'degraded', 'READ_STORE_UNAVAILABLE', { index: { position: never } }],
    ['clock', 'degraded', undefined, { storeTime: async () => Date.now() - 6_000 }],
    ['clock', 'degraded', undefined, { storeTime: async () => Date.now() + 600_000 }],
    ['clock', 'healthy', undefined, { storeTime: async () => Date.now() + 1_000 }],
    ['clock', 'degraded', 'READ_STORE_UNAVAILABLE', { storeTime: never }],
    ['disk', 'degraded', undefined, { diskFreeBytes: async () => 1024 ** 3 }],
    ['disk', 'unhealthy', 'LOG_FULL', { diskFreeBytes: async () => 1024 }],
  ])('shows %s as %s (%s), and the node with it', async (part, status, error, parts) => {
    const { ask } = await nodeWith(parts, { healthCheckMs: 20 });
    const answer = await ask('/health');
    expect(answer).toMatchObject({ status: status === 'unhealthy' ? 503 : 200, body: { status } });
    const { checks } = answer.body;
    const found = checks.find(({ name }: { name: string }) => name === part);
    expect(found.status).toBe(status);
    expect(found.details.error).toBe(error);
    expect(typeof found.details.hint).toBe(status === 'healthy' ? 'undefined' : 'string');
    expect(JSON.stringify(answer.body)).not.toContain('hunter2');
  });

  it('asks a part that hangs only once, however often it is asked itself', async () => {
    let asked = 0;
    const check = () => {
      asked += 1;
      return never();
    };
    const { ask } = await nodeWith({ bus: { check } }, { healthCheckMs: 5 });
    for (let time = 0; time < 3; time += 1) {
      expect(await ask('/health')).toMatchObject({ status: 503 });
      expect(await ask('/health/ready')).toMatchObject({ status: 503 });
    }
    expect(asked).toBe(1);
  });

  it('shields the parts from a flood: one report serves whoever asks meanwhile', async () => {
    let asked = 0;
    const check = async () => {
      asked += 1;
    };
    const { ask } = await nodeWith({ bus: { check } }, { healthKeptMs: 60_000 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('/health')));
    expect(new Set(answers.map(({ body }) => body.checkedAt)).size).toBe(1);
    expect(asked).toBe(1);
  });

  it('is unhealthy before the node is up, and while it drains', async () => {
    const starting = await serveShell();
    open.push(starting);
    const body = { status: 'unhealthy', phase: 'starting', checks: [] };
    expect(await starting.ask('/health')).toMatchObject({ status: 503, body });
    const { ask, server } = await nodeWith({});
    server.gate.drain();
    expect(await ask('/health')).toMatchObject({ status: 503, body: { phase: 'draining' } });
  });
});
