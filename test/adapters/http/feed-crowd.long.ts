/** One node, a thousand WebSockets, and clients that take nothing. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Narrator } from '#projections';
import { limits } from '#runtime';
import { effort } from '#test/effort';
import { EventStream, followByWebSocket } from '#test/feed-client';
import { createEntity, updateEntity } from '#test/messages';
import { run } from '#test/process';
import { type Served, serveNode, settled } from '#test/served';
import { until } from '#test/until';

let served: Served;
beforeAll(async () => {
  served = await serveNode();
});
afterAll(() => served.close());

async function send(...commands: object[]): Promise<void> {
  for (const body of commands) await served.ask('/commands', { body });
}

/** Positions of all notifications of a tenant, as the log has them. */
async function logged(tenantId: string): Promise<readonly number[]> {
  const { log } = served.node;
  const events = await log.readAll({ after: 0, limit: 100_000 });
  const notifications = await new Narrator(log).tell(events);
  return notifications.flatMap((one) => (one.tenantId === tenantId ? [one.position] : []));
}

describe('a thousand WebSockets on one node', () => {
  it('all hear what the log says, in order, once, those that go and come back too', async () => {
    const changes = effort(10, 30);
    const tenantId = 'default';
    const crowd = run('test/support/feed-crowd.ts', [
      served.url,
      String(limits.feedFollowersOfTenantMax),
      String(changes),
    ]);
    await crowd.says(/"ready":1000/);
    await expect(followByWebSocket(served.url, '')).rejects.toMatchObject({
      status: 503,
      code: 'FEED_FULL',
    });
    await send(createEntity({ tenantId }));
    for (let at = 1; at < changes; at++) {
      await send(updateEntity({ tenantId, at, properties: { n: at } }));
    }
    const [, json = ''] = await crowd.says(/(\{"lists".*\})\n/);
    expect(JSON.parse(json)).toEqual({ lists: { [(await logged(tenantId)).join()]: 1_000 } });
    expect(served.telemetry.all('follower-ended')).toEqual([]);
  }, 120_000);
});

describe('a client that takes nothing', () => {
  const upgrade =
    'Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

  it.each([
    ['WebSocket', upgrade],
    ['event stream', ''],
  ])(
    'over a %s is cut at its bound, and can come again for all of it',
    async (kind, headers) => {
      const tenantId = `slow-${kind.replace(' ', '-')}`;
      const socket = connect(Number(new URL(served.url).port), '127.0.0.1');
      socket.pause();
      socket.write(`GET /feed?tenant=${tenantId} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
      const other = await EventStream.open(served.url, `tenant=${tenantId}`);
      await until('both follow', () => served.node.feed.followers === 2);

      // Long names, so that few changes fill the kernel's buffers and the bound.
      const names = Array.from({ length: 15 }, (_, n) => `${n}-${'漢'.repeat(250)}`);
      const wide = (n: number) => Object.fromEntries(names.map((name) => [name, n] as const));
      const isCut = () => served.telemetry.all('follower-ended').length > 0;
      for (let round = 0; round < 20 && !isCut(); round++) {
        const commands = Array.from({ length: 200 }, (_, n) => {
          const parts = { tenantId, id: `e${n}`, at: round, properties: wide(round) };
          return round === 0 ? createEntity(parts) : updateEntity(parts);
        });
        await Promise.all(commands.map((body) => send(body)));
      }
      const ended = await served.telemetry.first('follower-ended', () => true, 30_000);
      expect(ended.reason).toBe('lagging');
      expect(served.node.feed.followers).toBe(1);
      await settled(served.url);
      served.telemetry.happenings.length = 0;

      const positions = await logged(tenantId);
      const again = await EventStream.open(
        served.url,
        `tenant=${tenantId}&after=${ended.position}`,
      );
      await until('the rest is heard', () => {
        const heard = again.events.flatMap(({ data }) => ('change' in data ? [data.position] : []));
        return heard.join() === positions.filter((one) => one > ended.position).join();
      });
      socket.destroy();
      again.leave();
      other.leave();
      await until('all are gone', () => served.node.feed.followers === 0);
    },
    120_000,
  );
});
