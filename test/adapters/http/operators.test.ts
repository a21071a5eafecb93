import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '#adapters/system';
import {
  type AuditRecord,
  AuditTrail,
  type DeadLetters,
  type Limits,
  RuntimeError,
} from '#runtime';
import { type Answered, partOf, type Shell, serveShell } from '#test/served';

/** What needs no operator. A route that is neither here nor guarded is a mistake. */
const openRoutes = [
  'GET /connections',
  'GET /entities',
  'GET /entities/{id}',
  'GET /entities/{id}/history',
  'GET /entities/{id}/neighbourhood',
  'GET /entities/{id}/neighbours',
  'GET /feed',
  'GET /health',
  'GET /health/live',
  'GET /health/ready',
  'GET /paths',
  'GET /projections',
  'GET /provenance/{chunkId}',
  'GET /search',
  'POST /commands',
  'POST /mcp',
  'POST /query',
  'POST /search',
  'POST /webhooks/{connectionId}',
  'POST /webhooks/{connectionId}/{event}',
  'POST /webhooks/{connectionId}/{event}/{token}',
];

const operators = [
  { name: 'ann', token: 'a-token-of-ann-0001' },
  { name: 'bob', token: 'a-token-of-bob-0002' },
];
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const ann = bearer('a-token-of-ann-0001');

const shells: Shell[] = [];
afterAll(() => Promise.all(shells.map(({ server }) => server.close())));

interface Route {
  readonly security?: unknown;
}

const health = ({ body }: Answered) =>
  body.checks.find(({ name }: { readonly name: string }) => name === 'audit');

/** A server whose dead letters and record are arrays. */
async function served(limits: Partial<Limits> = {}) {
  const records: AuditRecord[] = [];
  const state = { isAway: false, purged: 0 };
  const append = async (more: readonly AuditRecord[]) => {
    if (state.isAway) throw new RuntimeError('AUDIT_UNAVAILABLE', 'its disk is full');
    records.push(...more);
  };
  const telemetry = { record: () => undefined };
  const audit = new AuditTrail({ log: { append }, clock: systemClock, telemetry });
  const shell = await serveShell(limits, 0, { operators, audit });
  shells.push(shell);
  const deadLetters = {
    peek: async () => [],
    purge: async () => {
      state.purged += 1;
      return 3;
    },
  } as unknown as DeadLetters;
  shell.server.gate.open(partOf({ bus: { deadLetters } as never }));
  return { ...shell, records, state, audit };
}

describe('what operators do', () => {
  it('is refused to everybody else, on every route that is not for all', async () => {
    const { ask } = await served();
    const { paths } = (await ask('/docs/json')).body;
    const found: string[] = [];
    for (const [path, methods] of Object.entries<Readonly<Record<string, Route>>>(paths)) {
      for (const [method, { security }] of Object.entries(methods)) {
        const route = `${method.toUpperCase()} ${path}`;
        if (security === undefined) {
          found.push(route);
          continue;
        }
        const url = path.replaceAll(/\{\w+\}/g, 'x');
        for (const headers of [
          {},
          bearer('a-token-of-ann-0003'),
          { authorization: 'Basic YTpi' },
        ]) {
          const body = method === 'get' ? {} : { body: '{' };
          const answer = await ask(url, { method: method.toUpperCase(), headers, ...body });
          expect({ route, ...answer }).toMatchObject({
            route,
            status: 401,
            body: { code: 'OPERATOR_REFUSED' },
          });
          expect(answer.headers.get('www-authenticate')).toBe('Bearer');
        }
      }
    }
    expect(found.sort()).toEqual(openRoutes);
  });

  it('is open to each of them, under the own name', async () => {
    const { ask, audit, records } = await served();
    for (const { token } of operators) {
      expect(await ask('/dead-letters/purge', { body: {}, headers: bearer(token) })).toMatchObject({
        status: 200,
        body: { purged: 3 },
      });
    }
    await audit.close();
    expect(records.map(({ who, outcome }) => `${who} ${outcome}`)).toEqual([
      'ann begun',
      'ann done',
      'bob begun',
      'bob done',
    ]);
  });

  it('is on record with its target, its request and its address', async () => {
    const { ask, audit, records } = await served();
    const body = { ids: ['one'] };
    const { headers } = await ask('/dead-letters/purge', { body, headers: ann, tenant: 'acme' });
    await audit.close();
    expect(records[0]).toEqual({
      at: expect.stringMatching(/^2\d{3}-.*Z$/),
      kind: 'admin',
      who: 'ann',
      action: 'POST /dead-letters/purge',
      from: '127.0.0.1',
      id: headers.get('x-request-id'),
      target: '{"tenant":"acme","ids":["one"],"unreadable":false}',
      outcome: 'begun',
    });
  });

  it('is not done where it can not be on record, and the node says so until it can', async () => {
    const { ask, state } = await served({ healthKeptMs: 0 });
    state.isAway = true;
    const refused = await ask('/dead-letters/purge', { body: {}, headers: ann });
    expect(refused).toMatchObject({ status: 503, body: { code: 'AUDIT_UNAVAILABLE' } });
    expect(state.purged).toBe(0);
    expect(health(await ask('/health'))).toMatchObject({
      status: 'degraded',
      details: { error: 'AUDIT_UNAVAILABLE', hint: expect.any(String) },
    });
    state.isAway = false;
    expect(await ask('/dead-letters/purge', { body: {}, headers: ann })).toMatchObject({
      status: 200,
    });
    expect(health(await ask('/health'))).toMatchObject({ status: 'healthy' });
  });

  it('is counted where it only reads, or is refused', async () => {
    const { ask, audit, records } = await served();
    for (let i = 0; i < 3; i++) await ask('/dead-letters', { headers: ann });
    await ask('/dead-letters/purge', { body: { nonsense: 1 }, headers: ann });
    await ask('/dead-letters');
    await audit.close();
    expect(records).toMatchObject([
      { kind: 'admin', who: 'ann', action: 'GET /dead-letters', outcome: 'done', count: 3 },
      { kind: 'admin', who: 'ann', outcome: 'refused', code: 'REQUEST_INVALID', count: 1 },
      { kind: 'authentication', who: 'unknown', code: 'OPERATOR_REFUSED', count: 1 },
    ]);
  });

  it('says under whose name a delivery was refused, and never with which token', async () => {
    const { ask, audit, records } = await served();
    await ask('/webhooks/nowhere/some_event/s3cret-token', { body: {} });
    await audit.close();
    expect(records).toMatchObject([
      {
        kind: 'authentication',
        who: 'unknown',
        action: 'POST /webhooks/:connectionId/:event/:token',
      },
    ]);
    expect(JSON.stringify(records)).not.toContain('s3cret-token');
  });
});
