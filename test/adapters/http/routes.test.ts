import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signatureOf } from '#adapters/atlassian';
import { errorCatalogue, limits } from '#runtime';
import {
  createEntity,
  deleteEntity,
  linkEntities,
  setEndPresence,
  updateEntity,
} from '#test/messages';
import { documentedBy } from '#test/openapi';
import { type Answered, type Asked, type Served, serveNode, settled } from '#test/served';

const connections = new Map(
  [
    { id: 'jira', system: 'jira', tenantId: 'default', site: 'acme.atlassian.net' } as const,
    {
      id: 'signed',
      system: 'jira',
      tenantId: 'acme',
      site: 'signed.atlassian.net',
      secret: 's3cret',
    } as const,
    {
      id: 'tokened',
      system: 'confluence',
      tenantId: 'acme',
      site: 'signed.atlassian.net',
      token: 't0ken',
    } as const,
  ].map((connection) => [connection.id, connection]),
);

const issueDeleted = {
  timestamp: 1_793_606_290_000,
  webhookEvent: 'jira:issue_deleted',
  issue: { id: '1', self: 'https://acme.atlassian.net/rest/api/2/issue/1', key: 'A-1', fields: {} },
};

let served: Served;
let faultsOf: (route: string, answer: Answered) => readonly string[];
const ask = (path: string, asked?: Asked) => served.ask(path, asked);
const id = (text: string) => encodeURIComponent(text);

const strange = 'a/b:c d%2F?é#💡';

beforeAll(async () => {
  served = await serveNode(connections);
  faultsOf = await documentedBy(served.url);
  for (const message of [
    createEntity({ id: strange, properties: { title: 'A strange name' } }),
    createEntity({ id: 'issue-1', properties: { title: 'Refund the ferry' } }),
    createEntity({ id: 'issue-2', properties: { title: 'Book the ferry' }, at: 0 }),
    updateEntity({ id: 'issue-2', properties: { title: 'Book a ferry' }, at: 1 }),
    createEntity({ id: 'issue-3', at: 0 }),
    deleteEntity({ id: 'issue-3', at: 1 }),
    linkEntities({ id: 'link-1', from: 'issue-1', to: 'issue-2', type: 'DEPENDS_ON' }),
    linkEntities({ id: 'link-2', from: 'issue-2', to: strange }),
    createEntity({ id: 'issue-1', tenantId: 'other', properties: { title: 'Secret ferry' } }),
  ]) {
    expect(await ask('/commands', { body: message })).toMatchObject({ status: 202 });
  }
  await settled(served.url);
});

afterAll(() => served.close());

describe('what is asked rightly', () => {
  it.each<[route: string, path: string, expected: unknown]>([
    ['GET /entities', '/entities', { items: [{ id: strange }, { id: 'issue-1' }, {}], next: null }],
    ['GET /entities', '/entities?type=PERSON', { items: [], next: null }],
    ['GET /entities/{id}', '/entities/issue-2', { properties: { title: 'Book a ferry' } }],
    ['GET /entities/{id}', `/entities/${id(strange)}`, { id: strange }],
    [
      'GET /entities/{id}/history',
      '/entities/issue-3/history',
      { items: [{ type: 'EntityCreated' }, { type: 'EntityDeleted' }], next: null },
    ],
    [
      'GET /entities/{id}/neighbours',
      '/entities/issue-2/neighbours',
      {
        items: [
          { direction: 'out', entity: { id: strange } },
          { direction: 'in', entity: { id: 'issue-1' } },
        ],
      },
    ],
    [
      'GET /entities/{id}/neighbours',
      '/entities/issue-2/neighbours?direction=in&type=DEPENDS_ON',
      { items: [{ relationship: { id: 'link-1' } }], next: null },
    ],
    [
      'GET /entities/{id}/neighbours',
      '/entities/issue-2/neighbours?direction=out&type=DEPENDS_ON',
      { items: [], next: null },
    ],
    [
      'GET /entities/{id}/neighbourhood',
      '/entities/issue-1/neighbourhood?depth=2',
      { nodes: [{ distance: 0 }, { distance: 1 }, { distance: 2 }], edges: [{}, {}] },
    ],
    [
      'GET /entities/{id}/neighbourhood',
      '/entities/issue-1/neighbourhood',
      { depth: 1, nodes: [{ distance: 0 }, { distance: 1 }], truncated: false },
    ],
    ['GET /paths', `/paths?from=issue-1&to=${id(strange)}`, { path: { length: 2 } }],
    ['GET /search', '/search?q=refund', { items: [{ entity: { id: 'issue-1' } }], next: null }],
    ['GET /search', '/search?q=ferry&type=PERSON', { items: [] }],
    [
      'GET /projections',
      '/projections',
      {
        items: [{ name: 'graph' }, { name: 'links' }, { name: 'history' }, { name: 'embeddings' }],
      },
    ],
    ['GET /dead-letters', '/dead-letters', { items: [], next: null }],
    ['GET /connections', '/connections', { items: [{ id: 'jira', isSigned: false }] }],
    ['GET /health/live', '/health/live', { status: 'up' }],
    ['GET /health/ready', '/health/ready', { status: 'ready', stoppedProjections: [] }],
  ])('%s answers as it is documented: %s', async (route, path, expected) => {
    const answer = await ask(path, {
      tenant: path.startsWith('/connections') ? 'default' : 'acme',
    });
    expect(answer).toMatchObject({ status: 200, body: expected });
    expect(faultsOf(route, answer)).toEqual([]);
  });

  it.each([
    ['/entities?', 3],
    ['/entities/issue-2/history?', 2],
    ['/entities/issue-2/neighbours?', 2],
    ['/search?q=ferry&', 2],
  ])('pages %s by cursors, each item once', async (path, count) => {
    const seen: unknown[] = [];
    let cursor = '';
    do {
      const { body } = await ask(`${path}limit=1${cursor}`, { tenant: 'acme' });
      expect(body.items).toHaveLength(1);
      seen.push(JSON.stringify(body.items[0]));
      cursor = body.next === null ? '' : `&cursor=${id(body.next)}`;
    } while (cursor !== '');
    expect(new Set(seen).size).toBe(count);
  });

  it('shows each tenant its own, and `default` where none is named', async () => {
    const title = async (tenant: string) =>
      (await ask('/entities/issue-1', { tenant })).body.properties.title;
    expect(await title('acme')).toBe('Refund the ferry');
    expect(await title('other')).toBe('Secret ferry');
    expect(await ask('/entities/issue-1')).toMatchObject({ status: 404 });
    expect((await ask('/search?q=secret', { tenant: 'acme' })).body.items).toEqual([]);
  });

  it('answers HEAD as GET, without a body', async () => {
    const answer = await ask('/entities/issue-1', { method: 'HEAD', tenant: 'acme' });
    expect(answer).toMatchObject({ status: 200, body: '' });
  });
});

describe('what is asked wrongly', () => {
  const nul = id('a\u0000b');
  it.each<[code: string, path: string, asked: Asked]>([
    ['ROUTE_UNKNOWN', '/', {}],
    ['ROUTE_UNKNOWN', '/entities/issue-1/colour', {}],
    ['ROUTE_UNKNOWN', '/entities/a/b', {}],
    ['METHOD_NOT_ALLOWED', '/entities/issue-1', { method: 'DELETE' }],
    ['METHOD_NOT_ALLOWED', '/commands', {}],
    ['METHOD_NOT_ALLOWED', '/webhooks/jira', { method: 'PUT', body: '<not json>' }],
    ['TENANT_INVALID', '/entities/issue-1', { tenant: '../acme' }],
    ['TENANT_INVALID', '/search?q=a', { tenant: '' }],
    ['TENANT_INVALID', '/dead-letters', { tenant: 'x'.repeat(65) }],
    ['NOT_FOUND', '/entities/nobody', {}],
    ['NOT_FOUND', '/entities/issue-3', {}],
    ['NOT_FOUND', '/entities/nobody/history', {}],
    ['NOT_FOUND', '/entities/nobody/neighbours', {}],
    ['NOT_FOUND', '/entities/nobody/neighbourhood', {}],
    ['NOT_FOUND', '/paths?from=issue-1&to=nobody', {}],
    ['NOT_FOUND', '/dead-letters/nothing', {}],
    ['REQUEST_INVALID', '/entities/%zz', {}],
    ['REQUEST_INVALID', `/entities/${'x'.repeat(limits.idCharsMax + 1)}`, {}],
    ['REQUEST_INVALID', `/entities/${'x'.repeat(limits.idCharsMax * 9 + 1)}`, {}],
    ['REQUEST_INVALID', `/entities/${nul}`, {}],
    ['REQUEST_INVALID', '/entities?type=CAR', {}],
    ['REQUEST_INVALID', '/entities?typ=PERSON', {}],
    ['REQUEST_INVALID', '/entities?limit=0', {}],
    ['REQUEST_INVALID', `/entities?limit=${limits.pageItemsMax + 1}`, {}],
    ['REQUEST_INVALID', '/entities?limit=many', {}],
    ['REQUEST_INVALID', '/entities?cursor=bm9uc2Vuc2U', {}],
    ['REQUEST_INVALID', '/entities/issue-1/history?cursor=bm9uc2Vuc2U', {}],
    ['REQUEST_INVALID', '/entities/issue-1/neighbours?direction=up', {}],
    ['REQUEST_INVALID', '/entities/issue-1/neighbours?type=LIKES', {}],
    ['REQUEST_INVALID', '/entities/issue-1/neighbours?cursor=bm9uc2Vuc2U', {}],
    ['REQUEST_INVALID', '/entities/issue-1/neighbourhood?depth=6', {}],
    ['REQUEST_INVALID', '/entities/issue-1/neighbourhood?depth=1.5', {}],
    ['REQUEST_INVALID', '/paths?from=issue-1', {}],
    ['REQUEST_INVALID', `/paths?from=issue-1&to=${nul}`, {}],
    ['REQUEST_INVALID', '/search', {}],
    ['REQUEST_INVALID', '/search?q=', {}],
    ['REQUEST_INVALID', `/search?q=${nul}`, {}],
    ['REQUEST_INVALID', '/search?q=a&q=b', {}],
    ['REQUEST_INVALID', '/search?q=a&cursor=bm9uc2Vuc2U', {}],
    ['REQUEST_INVALID', '/dead-letters?unreadable=perhaps', {}],
    ['REQUEST_INVALID', '/dead-letters/redrive', { body: '{"ids": "all"}' }],
    ['REQUEST_INVALID', '/dead-letters/redrive', { body: '{"id": ["a"]}' }],
    ['REQUEST_INVALID', '/dead-letters/purge', { body: '{"ids": [' }],
    ['REQUEST_INVALID', '/dead-letters/purge', { body: '{"__proto__": {"ids": []}}' }],
    ['REQUEST_INVALID', '/dead-letters/purge', { method: 'POST' }],
    [
      'MEDIA_TYPE_UNSUPPORTED',
      '/dead-letters/purge',
      { body: '<all/>', headers: { 'content-type': 'text/xml' } },
    ],
    ['PROJECTION_UNKNOWN', '/projections/nothing/rebuild', { method: 'POST' }],
    ['PROJECTION_UNKNOWN', '/projections/nothing/verify', { method: 'POST' }],
    ['PROJECTION_UNKNOWN', '/projections/nothing/switch', { method: 'POST' }],
    ['REQUEST_INVALID', '/projections/graph/rebuild', { body: { rate: 0 } }],
    ['REQUEST_INVALID', '/projections/graph/rebuild', { body: { keeps: true } }],
    ['PROJECTION_UNKNOWN', '/projections/rebuild', { body: { names: ['graph', 'nothing'] } }],
    ['REQUEST_INVALID', '/projections/rebuild', { body: { names: [] } }],
    ['REQUEST_INVALID', '/projections/rebuild', { body: { names: ['graph', 'graph'] } }],
    ['REQUEST_INVALID', '/projections/rebuild', { body: { names: 'graph' } }],
    ['REQUEST_INVALID', '/projections/rebuild', { method: 'POST' }],
    ['PROJECTION_UNKNOWN', '/projections/switch', { body: { names: ['nothing'] } }],
    ['REQUEST_INVALID', '/projections/switch', { body: { names: ['graph'], keep: true } }],
  ])('is refused with %s: %s', async (code, path, asked) => {
    const answer = await ask(path, { tenant: 'acme', ...asked });
    const { status, hint } = errorCatalogue[code as keyof typeof errorCatalogue];
    expect(answer).toMatchObject({ status, body: { status, code, hint } });
    expect(answer.body.instance).toMatch(/^urn:uuid:/);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it('names the methods that a path has', async () => {
    const answer = await ask('/projections/graph/rebuild');
    expect(answer.headers.get('allow')).toBe('POST');
  });
});

describe('POST /commands', () => {
  const post = (body: unknown, asked: Asked = {}) => ask('/commands', { body, ...asked });
  const good = createEntity({ id: 'command-1' });

  it('takes every public contract, and answers with its message id', async () => {
    const answer = await post(createEntity({ messageId: 'first', id: 'command-1' }));
    expect(answer).toMatchObject({ status: 202, body: { messageId: 'first' } });
    expect(faultsOf('POST /commands', answer)).toEqual([]);
  });

  it('has the message in the log when it says 202', async () => {
    await post(createEntity({ messageId: 'durable', id: 'command-2' }));
    const events = await served.node.log.readStream('entity-acme/command-2');
    expect(events).toMatchObject([{ metadata: { messageId: 'durable' } }]);
  });

  it.each<[code: string, body: unknown]>([
    ['MESSAGE_NOT_JSON', '{"messageType":'],
    ['MESSAGE_NOT_JSON', ''],
    ['MESSAGE_NOT_JSON', Uint8Array.of(0x22, 0xff, 0x22)],
    ['MESSAGE_INVALID', '[]'],
    ['MESSAGE_INVALID', 'null'],
    ['MESSAGE_INVALID', { ...good, tenantId: undefined }],
    ['MESSAGE_INVALID', { ...good, tenantId: 'a/b' }],
    ['MESSAGE_INVALID', { ...good, messageId: 7 }],
    ['MESSAGE_INVALID', { ...good, timestamp: '2026-02-30T12:00:00Z' }],
    ['MESSAGE_INVALID', createEntity({ id: 'x'.repeat(limits.idCharsMax + 1) })],
    ['MESSAGE_INVALID', createEntity({ properties: { text: 'a\u0000b' } })],
    ['MESSAGE_INVALID', createEntity({ properties: { text: '\ud800' } })],
    [
      'MESSAGE_INVALID',
      JSON.stringify(createEntity({ properties: { a: 1 } })).replace('"a"', '"__proto__"'),
    ],
    ['MESSAGE_INVALID', createEntity({ properties: { deep: nested(limits.jsonDepthMax + 1) } })],
    ['MESSAGE_TYPE_UNKNOWN', { ...good, messageType: 'PAINT_ENTITY' }],
    ['MESSAGE_TYPE_UNKNOWN', setEndPresence()],
    ['MESSAGE_VERSION_UNKNOWN', { ...good, schemaVersion: 2 }],
    ['MESSAGE_TOO_LARGE', 'x'.repeat(limits.messageBytesMax + 1)],
  ])('refuses with %s at the edge', async (code, body) => {
    const { status } = errorCatalogue[code as keyof typeof errorCatalogue];
    expect(await post(body)).toMatchObject({ status, body: { code } });
    expect((await ask('/dead-letters', { tenant: 'acme' })).body.items).toEqual([]);
  });

  it('says which field is wrong', async () => {
    const { body } = await post({ ...good, payload: { ...good.payload, entityType: 'CAR' } });
    expect(body.detail).toContain('/payload/entityType');
    expect(body.data).toEqual({ messageId: good.messageId, tenantId: 'acme' });
  });

  it('takes the message’s own tenant, and no other than the header’s where there is one', async () => {
    const message = createEntity({ id: 'command-3', tenantId: 'acme' });
    expect(await post(message)).toMatchObject({ status: 202 });
    expect(await post(message, { tenant: 'acme' })).toMatchObject({ status: 202 });
    expect(await post(message, { tenant: 'default' })).toMatchObject({
      status: 403,
      body: { code: 'TENANT_MISMATCH' },
    });
    expect(await post(message, { tenant: 'a/b' })).toMatchObject({
      status: 400,
      body: { code: 'TENANT_INVALID' },
    });
  });

  it('keeps in the dead letters, and accepts, what only the actor can refuse', async () => {
    const properties = (prefix: string) =>
      Object.fromEntries(
        Array.from({ length: limits.propertiesMax }, (_, at) => [`${prefix}${at}`, at]),
      );
    const tenantId = 'full';
    await post(createEntity({ tenantId, properties: properties('a') }));
    const one = createEntity({ tenantId, messageId: 'too-much', properties: properties('b') });
    expect(await post(one)).toMatchObject({ status: 202 });
    const list = await ask('/dead-letters', { tenant: tenantId });
    expect(list.body.items).toMatchObject([
      { messageId: 'too-much', reason: { code: 'STATE_TOO_LARGE' } },
    ]);
    expect(faultsOf('GET /dead-letters', list)).toEqual([]);
    const [letter] = list.body.items;
    const shown = await ask(`/dead-letters/${letter.id}`, { tenant: tenantId });
    expect(JSON.parse(shown.body.body)).toEqual(one);
    expect(faultsOf('GET /dead-letters/{id}', shown)).toEqual([]);
    expect(await ask(`/dead-letters/${letter.id}`, { tenant: 'acme' })).toMatchObject({
      status: 404,
    });
  });
});

describe('dead letters', () => {
  /** Letters of a tenant of their own: what the bus hands over unchecked, and nobody can read. */
  async function bury(tenantId: string | null, count: number): Promise<void> {
    const bodies = Array.from({ length: count }, (_, at) =>
      tenantId === null ? `noise ${at}` : JSON.stringify({ tenantId, messageType: `X${at}` }),
    );
    await served.node.bus.publish(
      bodies.map((body, at) => ({ messageId: `buried-${tenantId}-${at}`, body })),
    );
  }

  it('are listed in pages, oldest first', async () => {
    await bury('paged', 25);
    const first = await ask('/dead-letters?limit=20', { tenant: 'paged' });
    const rest = await ask(`/dead-letters?limit=20&cursor=${first.body.next}`, { tenant: 'paged' });
    const ids = [...first.body.items, ...rest.body.items].map((one) => one.messageId);
    expect(ids).toEqual(Array.from({ length: 25 }, (_, at) => `buried-paged-${at}`));
    expect(rest.body.next).toBeNull();
  });

  it('are purged by id or all', async () => {
    await bury('purged', 3);
    const { items } = (await ask('/dead-letters', { tenant: 'purged' })).body;
    const purge = (body: unknown) => ask('/dead-letters/purge', { tenant: 'purged', body });
    expect((await purge({ ids: [items[0].id] })).body).toEqual({ purged: 1 });
    const answer = await purge({});
    expect(answer.body).toEqual({ purged: 2 });
    expect(faultsOf('POST /dead-letters/purge', answer)).toEqual([]);
  });

  it('stay where a redrive fails again', async () => {
    await bury('redriven', 2);
    const answer = await ask('/dead-letters/redrive', { tenant: 'redriven', body: {} });
    expect(answer.body).toEqual({ redriven: 0 });
    expect(faultsOf('POST /dead-letters/redrive', answer)).toEqual([]);
    const { items } = (await ask('/dead-letters', { tenant: 'redriven' })).body;
    expect(items).toHaveLength(2);
  });

  it('of no readable tenant are shown apart', async () => {
    await bury(null, 1);
    expect((await ask('/dead-letters')).body.items).toEqual([]);
    const { items } = (await ask('/dead-letters?unreadable=true')).body;
    expect(items).toMatchObject([{ tenantId: null, reason: { code: 'MESSAGE_NOT_JSON' } }]);
    const purged = await ask('/dead-letters/purge', { body: { unreadable: true } });
    expect(purged.body).toEqual({ purged: 1 });
  });
});

describe('POST /webhooks', () => {
  const body = JSON.stringify(issueDeleted);
  const signed = { 'x-hub-signature': signatureOf('s3cret', Buffer.from(body)) };

  it('takes a delivery of any content type, and answers when it is durable', async () => {
    for (const type of ['application/json', 'text/plain', '///']) {
      const answer = await ask('/webhooks/jira', { body, headers: { 'content-type': type } });
      expect(answer).toMatchObject({
        status: 202,
        body: { event: 'jira:issue_deleted', messages: expect.any(Number) },
      });
      expect(faultsOf('POST /webhooks/{connectionId}', answer)).toEqual([]);
    }
    const events = await served.node.log.readStream(
      'entity-default/jira:acme.atlassian.net:issue:1',
    );
    expect(events).toMatchObject([{ type: 'EntityDeleted' }]);
  });

  it('believes signatures over the very bytes, and writes for the connection’s tenant', async () => {
    const post = (asked: Asked) => ask('/webhooks/signed', { body, ...asked });
    expect(await post({ headers: signed, tenant: 'other' })).toMatchObject({ status: 202 });
    expect(await post({ headers: signed, body: ` ${body}` })).toMatchObject({ status: 401 });
    expect(await post({})).toMatchObject({ status: 401, body: { code: 'SIGNATURE_INVALID' } });
    const stream = 'jira:signed.atlassian.net:issue:1';
    expect(await served.node.log.readStream(`entity-acme/${stream}`)).toHaveLength(1);
    expect(await served.node.log.readStream(`entity-other/${stream}`)).toHaveLength(0);
  });

  it('takes event and token from the URL', async () => {
    const page = { timestamp: 1_793_606_290_000, page: { id: 7, title: 'T', version: 1 } };
    for (const path of [
      'page_removed?token=t0ken',
      'page_removed/t0ken',
      '?x&event=a&token=wrong',
    ]) {
      const answer = await ask(`/webhooks/tokened/${path}`, { body: page });
      expect(answer.status).toBe(path.includes('t0ken') ? 202 : 401);
    }
    expect(served.lines.join('')).not.toContain('t0ken');
  });

  it('counts and forgets an event that nobody uses', async () => {
    const answer = await ask('/webhooks/jira', { body: { webhookEvent: 'board_created' } });
    expect(answer).toMatchObject({ status: 202, body: { event: 'board_created', messages: 0 } });
    const { items } = (await ask('/connections')).body;
    expect(items[0].since).toMatchObject({ ignored: { board_created: 1 } });
    expect(served.telemetry.all('source-event-ignored')).toMatchObject([
      { system: 'jira', event: 'board_created' },
    ]);
  });

  it.each<[code: string, path: string, body: unknown]>([
    ['CONNECTION_UNKNOWN', '/webhooks/nobody', {}],
    ['CONNECTION_UNKNOWN', '/webhooks/__proto__', {}],
    ['MESSAGE_NOT_JSON', '/webhooks/jira', '{"timestamp":'],
    ['MESSAGE_NOT_JSON', '/webhooks/jira', ''],
    ['WEBHOOK_INVALID', '/webhooks/jira', {}],
    ['WEBHOOK_INVALID', '/webhooks/jira', []],
    ['WEBHOOK_INVALID', '/webhooks/jira', { webhookEvent: 'jira:issue_created' }],
    ['WEBHOOK_INVALID', '/webhooks/jira', '{"webhookEvent":"jira:issue_created","__proto__":{}}'],
    ['MESSAGE_TOO_LARGE', '/webhooks/jira', 'x'.repeat(limits.messageBytesMax + 1)],
  ])('refuses with %s: %s', async (code, path, sent) => {
    const { status } = errorCatalogue[code as keyof typeof errorCatalogue];
    expect(await ask(path, { body: sent })).toMatchObject({ status, body: { code } });
  });
});

describe('upkeep of projections', () => {
  const begin = (kind: string, body?: object) =>
    ask(`/projections/graph/${kind}`, { method: 'POST', body });

  async function ended(upkeepId: string) {
    for (;;) {
      const answer = await ask('/projections');
      expect(faultsOf('GET /projections', answer)).toEqual([]);
      const { upkeep } = answer.body.items[0];
      expect(upkeep.id).toBe(upkeepId);
      if (upkeep.state !== 'running') return upkeep;
    }
  }

  it('runs in the background, one at a time, and tells how it ended', async () => {
    const begun = await begin('rebuild');
    expect(begun).toMatchObject({ status: 202, body: { kind: 'rebuild', state: 'running' } });
    expect(faultsOf('POST /projections/{name}/rebuild', begun)).toEqual([]);
    expect(await begin('verify')).toMatchObject({
      status: 409,
      body: { code: 'PROJECTION_BUSY' },
    });
    expect(await ended(begun.body.id)).toMatchObject({ state: 'done', error: null });
    const verify = await begin('verify');
    expect(await ended(verify.body.id)).toMatchObject({
      state: 'done',
      verification: { isSame: true },
    });
  });

  it('keeps the rows that a rebuild replaces, and switches back to them', async () => {
    const states = async () => {
      const { items } = (await ask('/projections')).body;
      return items[0].generations.map(({ state }: { state: string }) => state);
    };
    const without = await begin('switch');
    expect(await ended(without.body.id)).toMatchObject({
      state: 'failed',
      error: { code: 'GENERATION_UNKNOWN' },
    });
    const kept = await begin('rebuild', { keep: true, rate: 100_000 });
    expect(await ended(kept.body.id)).toMatchObject({ state: 'done' });
    expect(await states()).toEqual(['kept', 'live']);
    const switched = await begin('switch');
    expect(faultsOf('POST /projections/{name}/switch', switched)).toEqual([]);
    expect(await ended(switched.body.id)).toMatchObject({ kind: 'switch', state: 'done' });
    expect(await states()).toEqual(['live', 'kept']);
  });

  it('rebuilds several together, shows it with each, and switches them back together', async () => {
    const names = ['graph', 'history'];
    const both = async () => {
      const { items } = (await ask('/projections')).body;
      return names.map((name) => items.find((item: { name: string }) => item.name === name));
    };
    const done = async (begun: Answered) => {
      expect(begun).toMatchObject({ status: 202, body: { projections: names, state: 'running' } });
      expect((await both()).map(({ upkeep }) => upkeep.id)).toEqual([begun.body.id, begun.body.id]);
      expect(await ended(begun.body.id)).toMatchObject({ state: 'done', error: null });
      return (await both()).map(({ generations }) =>
        generations.map(({ state }: { state: string }) => state),
      );
    };
    const rebuild = await ask('/projections/rebuild', { body: { names, keep: true } });
    expect(faultsOf('POST /projections/rebuild', rebuild)).toEqual([]);
    expect(await done(rebuild)).toEqual([
      ['kept', 'live'],
      ['kept', 'live'],
    ]);
    const switched = await ask('/projections/switch', { body: { names } });
    expect(faultsOf('POST /projections/switch', switched)).toEqual([]);
    expect(await done(switched)).toEqual([
      ['live', 'kept'],
      ['live', 'kept'],
    ]);
  });
});

function nested(depth: number): unknown {
  return depth === 0 ? 0 : { d: nested(depth - 1) };
}
