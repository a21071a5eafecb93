/** Redis is killed in the middle of a load and comes back: followers of the feed don't notice. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemIds } from '#adapters/system';
import { type Node, openNode, readConfig } from '#infra';
import { Narrator, type Notification } from '#projections';
import { followByEvents, followByWebSocket } from '#test/feed-client';
import { createEntity, onTheBus, updateEntity } from '#test/messages';
import { hasRedis, openRedis, type RedisServer } from '#test/redis';
import { type Shell, serveShell } from '#test/served';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';

const everything = { after: 0, limit: 10_000 };

describe.runIf(hasRedis)('with Redis killed in the middle of a load', () => {
  let redis: RedisServer;
  let folder: string;
  let shell: Shell;
  let node: Node;
  const telemetry = new Recorder();
  beforeAll(async () => {
    redis = await openRedis();
    folder = await mkdtemp(join(tmpdir(), 'cognisync-feed-'));
    shell = await serveShell();
    const config = readConfig({ DATA_DIR: folder, REDIS_URL: redis.url });
    node = await openNode(config, { clock: systemClock, ids: systemIds, telemetry });
    shell.server.gate.open(node);
  });
  afterAll(async () => {
    shell.server.gate.drain();
    await node.drain();
    await shell.server.close();
    await node.close();
    await redis.close();
    await rm(folder, { recursive: true });
  });

  it('followers hear all that the log has; other services all last words, or that they missed some', async () => {
    const words = new Map<string, number>();
    const hear = ({ position, payload }: Notification) => {
      const id = 'entityId' in payload ? payload.entityId : '';
      words.set(id, Math.max(position, words.get(id) ?? 0));
    };
    const told = async () => new Narrator(node.log).tell(await node.log.readAll(everything));
    // Its own line may come back after the publisher's: then it is told to read what has passed it by.
    const listener = {
      message: (text: string) => hear(JSON.parse(text)),
      missed: () => void told().then((missed) => missed.forEach(hear)),
    };
    node.broadcast.subscribe({ tenantId: 'acme', topic: 'notifications' }, listener);
    const followers = [
      await followByWebSocket(shell.url, 'tenant=acme'),
      await followByEvents(shell.url, 'tenant=acme'),
    ];
    const entities = ['a', 'b', 'c'];
    const change = async (at: number) => {
      const id = entities[at % entities.length]!;
      const parts = { tenantId: 'acme', id, at, properties: { n: at } };
      const command = at < entities.length ? createEntity(parts) : updateEntity(parts);
      await node.bus.publish([onTheBus(command)]);
    };
    const count = 300;
    for (let at = 0; at < count; at++) {
      if (at === 100) await redis.kill();
      if (at === 200) await redis.start();
      await change(at);
    }
    await until('all is heard', () => followers.every((one) => one.changes.length >= count));
    const expected = await told();
    for (const { changes, leave } of followers) {
      expect(changes).toEqual(expected);
      leave();
    }
    const last = new Map(
      expected.map((one) => ['entityId' in one.payload ? one.payload.entityId : '', one.position]),
    );
    await until(
      'other services have heard the last words',
      () => entities.every((id) => words.get(id) === last.get(id)),
      30_000,
    );
    expect(telemetry.all('redis-away').length).toBeGreaterThan(0);
  }, 120_000);
});
