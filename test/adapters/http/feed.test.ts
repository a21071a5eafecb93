/** The feed as clients have it: over WebSockets and event streams, on a true node. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventStream, followByEvents, followByWebSocket, type Heard } from '#test/feed-client';
import { createEntity, deleteEntity, linkEntities, updateEntity } from '#test/messages';
import { partOf, type Served, serveNode, serveShell, settled } from '#test/served';
import { until } from '#test/until';

let served: Served;
beforeAll(async () => {
  served = await serveNode();
});
afterAll(() => served.close());

const positions = (heard: Heard) => heard.changes.map(({ position }) => position);

let tenants = 0;
/** A tenant of its own for each test, so that none hears another. */
const newTenant = () => `tenant-${++tenants}`;

async function send(...commands: object[]): Promise<void> {
  for (const body of commands) {
    expect(await served.ask('/commands', { body })).toMatchObject({ status: 202 });
  }
}

const transports = [
  ['WebSocket', followByWebSocket],
  ['event stream', followByEvents],
] as const;

describe.each(transports)('over a %s', (_, follow) => {
  it('says what changed, in order, and only what this tenant may know', async () => {
    const tenantId = newTenant();
    const heard = await follow(served.url, `tenant=${tenantId}`);
    const stranger = await follow(served.url, `tenant=${newTenant()}`);
    await send(
      createEntity({ tenantId, id: 'a', properties: { title: 'A' } }),
      createEntity({ tenantId, id: 'b' }),
      linkEntities({ tenantId, id: 'l', from: 'a', to: 'b' }),
      updateEntity({ tenantId, id: 'a', at: 1, properties: { title: 'B' } }),
    );
    await until('the relationship is there', () => heard.changes.length >= 4);
    await send(deleteEntity({ tenantId, id: 'b', at: 2 }));
    await until('all is heard', () => heard.changes.length >= 6);
    const told = heard.changes.map(({ messageType, change }) => `${messageType} ${change}`);
    expect(told.slice().sort()).toEqual([
      'ENTITY_CHANGED created',
      'ENTITY_CHANGED created',
      'ENTITY_CHANGED deleted',
      'ENTITY_CHANGED updated',
      'RELATIONSHIP_CHANGED created',
      'RELATIONSHIP_CHANGED deleted',
    ]);
    expect(positions(heard)).toEqual(positions(heard).toSorted((a, b) => a - b));
    expect(heard.changes[0]).toMatchObject({
      tenantId,
      payload: { entityId: 'a', entityType: 'ISSUE', changedProperties: ['title'] },
    });
    expect(stranger.changes).toEqual([]);
    heard.leave();
    stranger.leave();
  });

  it('resumes after a position without a gap or a repeat', async () => {
    const tenantId = newTenant();
    const all = await follow(served.url, `tenant=${tenantId}`);
    const first = await follow(served.url, `tenant=${tenantId}`);
    await send(createEntity({ tenantId, id: 'a' }));
    await until('the first is heard', () => first.changes.length === 1);
    first.leave();
    await first.ended;
    for (let at = 1; at <= 20; at++) {
      await send(updateEntity({ tenantId, id: 'a', at, properties: { n: at } }));
    }
    const again = await follow(served.url, `tenant=${tenantId}&after=${positions(first).at(-1)}`);
    await send(updateEntity({ tenantId, id: 'a', at: 21, properties: { n: 21 } }));
    await until('all is heard', () => again.changes.length >= 21 && all.changes.length >= 22);
    expect([...positions(first), ...positions(again)]).toEqual(positions(all));
    all.leave();
    again.leave();
  });

  it('keeps to its filter', async () => {
    const tenantId = newTenant();
    const of = (filter: string) => follow(served.url, `tenant=${tenantId}&${filter}`);
    await send(createEntity({ tenantId, id: 'a' }));
    await settled(served.url);
    const [byEntity, byTypes, near] = [
      await of('entity=b&entity=x'),
      await of('type=PERSON&type=RELATED_TO'),
      await of('neighbourhood=a'),
    ];
    await send(
      createEntity({ tenantId, id: 'b', type: 'PERSON' }),
      linkEntities({ tenantId, id: 'l', from: 'a', to: 'b' }),
    );
    await settled(served.url);
    await send(
      updateEntity({ tenantId, id: 'b', type: 'PERSON', at: 1, properties: { n: 1 } }),
      createEntity({ tenantId, id: 'far' }),
      updateEntity({ tenantId, id: 'a', at: 1, properties: { n: 1 } }),
    );
    const about = (heard: Heard) =>
      heard.changes.map(({ payload }) =>
        'entityId' in payload ? payload.entityId : payload.relationshipId,
      );
    await until('all is heard', () => near.changes.length >= 3 && byTypes.changes.length >= 3);
    expect(about(byEntity)).toEqual(['b', 'l', 'b']);
    expect(about(byTypes)).toEqual(['b', 'l', 'b']);
    expect(about(near)).toEqual(['l', 'b', 'a']);
    for (const heard of [byEntity, byTypes, near]) heard.leave();
  });

  it.each([
    ['after=-1', 400, 'REQUEST_INVALID'],
    ['after=x', 400, 'REQUEST_INVALID'],
    ['after=1.5', 400, 'REQUEST_INVALID'],
    ['after=9007199254740993', 400, 'REQUEST_INVALID'],
    ['after=99999999', 400, 'REQUEST_INVALID'],
    ['type=NOTHING', 400, 'REQUEST_INVALID'],
    ['entity=', 400, 'REQUEST_INVALID'],
    [Array.from({ length: 101 }, (_, n) => `entity=${n}`).join('&'), 400, 'REQUEST_INVALID'],
    ['neighbourhood=a%00b', 400, 'REQUEST_INVALID'],
    ['neighbourhood=a&neighbourhood=b', 400, 'REQUEST_INVALID'],
    ['nonsense=1', 400, 'REQUEST_INVALID'],
    ['tenant=a%2Fb', 400, 'TENANT_INVALID'],
  ])('refuses %s before anything is opened', async (query, status, code) => {
    await expect(follow(served.url, query)).rejects.toMatchObject({ status, code });
  });

  it('refuses two different tenants, and a page of another origin', async () => {
    await expect(follow(served.url, 'tenant=a', { 'x-tenant-id': 'b' })).rejects.toMatchObject({
      status: 403,
      code: 'TENANT_MISMATCH',
    });
    await expect(
      follow(served.url, '', { origin: 'https://elsewhere.example' }),
    ).rejects.toMatchObject({ status: 403, code: 'ORIGIN_REFUSED' });
    await expect(follow(served.url, '', { origin: 'null' })).rejects.toMatchObject({ status: 403 });
    (await follow(served.url, 'tenant=a', { 'x-tenant-id': 'a', origin: served.url })).leave();
  });
});

describe('an event stream', () => {
  it('resumes after Last-Event-ID, which counts more than the URL that it is repeated with', async () => {
    const tenantId = newTenant();
    await send(createEntity({ tenantId, id: 'a' }), createEntity({ tenantId, id: 'b' }));
    await settled(served.url);
    const all = await followByEvents(served.url, `tenant=${tenantId}&after=0`);
    await until('both are heard', () => all.changes.length === 2);
    const [first] = positions(all);
    const headers = { 'last-event-id': String(first) };
    const rest = await followByEvents(served.url, `tenant=${tenantId}&after=0`, headers);
    await until('the second is heard', () => rest.changes.length > 0);
    expect(positions(rest)).toEqual(positions(all).slice(1));
    all.leave();
    rest.leave();
    await expect(followByEvents(served.url, '', { 'last-event-id': 'x' })).rejects.toMatchObject({
      status: 400,
      code: 'REQUEST_INVALID',
    });
  });

  it('names each position as its event id', async () => {
    const tenantId = newTenant();
    const stream = await EventStream.open(served.url, `tenant=${tenantId}`);
    await send(createEntity({ tenantId, id: 'a' }));
    await until('it is heard', () => stream.text.includes('ENTITY_CHANGED'));
    const [, id] = /\nid: (\d+)\ndata: (\{"messageType":"ENTITY_CHANGED".*\})\n\n/.exec(
      stream.text,
    )!;
    expect(stream.text).toContain(`"position":${id}`);
    expect(stream.headers.get('content-type')).toBe('text/event-stream');
    expect(stream.headers.get('x-content-type-options')).toBe('nosniff');
    stream.leave();
  });

  it('is no body of HEAD, and no other method has it', async () => {
    for (const method of ['HEAD', 'POST', 'DELETE']) {
      const { status, headers } = await served.ask('/feed', { method });
      expect([status, headers.get('allow')]).toEqual([405, 'GET']);
    }
  });
});

describe('a WebSocket', () => {
  it('is closed when its client says something', async () => {
    const heard = await followByWebSocket(served.url, '');
    heard.say('hello');
    expect(await heard.ended).toMatchObject({ code: 1008 });
  });

  it('is closed when its client says something long', async () => {
    const heard = await followByWebSocket(served.url, '');
    heard.say('x'.repeat(2_000));
    expect(await heard.ended).toMatchObject({ code: 1009 });
  });

  it('is had on this path alone: elsewhere an upgrade is not heeded', async () => {
    const socket = connect(Number(new URL(served.url).port), '127.0.0.1');
    socket.write(
      'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n',
    );
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
  });

  it('that breaks off in the middle is forgotten', async () => {
    const before = served.node.feed.followers;
    const heard = await followByWebSocket(served.url, '');
    expect(served.node.feed.followers).toBe(before + 1);
    heard.leave();
    await until('it is gone', () => served.node.feed.followers === before);
  });
});

describe('a query result', () => {
  it('reaches those who follow with its session', async () => {
    const tenantId = newTenant();
    const heard = await followByWebSocket(served.url, `tenant=${tenantId}&session=s`);
    const metadata = { processingTime: 1, resultCount: 0, confidence: 1 };
    const result = {
      messageType: 'QUERY_RESULT',
      sessionId: 's',
      timestamp: '2026-11-24T12:00:00Z',
      payload: { queryId: 'q', results: [], metadata },
    };
    const channel = { tenantId, topic: 'query-results' };
    await served.node.broadcast.publish(channel, [JSON.stringify(result)]);
    await until('it is heard', () => heard.messages.at(-1)?.messageType === 'QUERY_RESULT');
    expect(heard.messages.at(-1)).toEqual(result);
    heard.leave();
  });
});

describe('a node that is not up', () => {
  it('refuses followers with 503', async () => {
    const { server, url } = await serveShell();
    for (const [, follow] of transports) {
      await expect(follow(url, '')).rejects.toMatchObject({ status: 503, code: 'NOT_READY' });
    }
    server.gate.open(partOf({}));
    server.gate.drain();
    for (const [, follow] of transports) {
      await expect(follow(url, '')).rejects.toMatchObject({ status: 503, code: 'SHUTTING_DOWN' });
    }
    await server.close();
  });

  it('sends its followers elsewhere when it drains, with where they were', async () => {
    const other = await serveNode();
    const web = await followByWebSocket(other.url, '');
    const events = await followByEvents(other.url, '');
    await other.close();
    expect(await web.ended).toMatchObject({ code: 1012, reason: { reason: 'draining', after: 0 } });
    expect(await events.ended).toMatchObject({ reason: { reason: 'draining', after: 0 } });
  });

  it('closes in time though followers neither read nor answer', async () => {
    const other = await serveNode();
    const sockets = ['', 'Upgrade: websocket\r\nConnection: upgrade\r\n'].map((upgrade) => {
      const socket = connect(Number(new URL(other.url).port), '127.0.0.1');
      const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n';
      socket.write(`GET /feed HTTP/1.1\r\nHost: x\r\n${upgrade}${upgrade && key}\r\n`);
      return socket.on('error', () => undefined);
    });
    await until('both follow', () => other.node.feed.followers === 2);
    const closed = sockets.map((socket) => once(socket.resume(), 'close'));
    await other.close();
    await Promise.all(closed);
  });
});
