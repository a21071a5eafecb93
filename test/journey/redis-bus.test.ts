import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOnceInOrder } from '#test/acted';
import { createEntity, updateEntity } from '#test/messages';
import { createDatabase, hasPostgres, type TestDatabase } from '#test/postgres';
import { startNode } from '#test/process';
import { hasRedis, openRedis, type RedisServer } from '#test/redis';
import { ask, settled, temporaryFolder } from '#test/served';
import { until } from '#test/until';

const entities = 30;
const versions = 6;
const idOf = (index: number) => `issue-${index}`;

/** Every entity in its versions, the versions of all one after the other. */
const commands = Array.from({ length: versions }, (_, at) =>
  Array.from({ length: entities }, (_, index) => {
    const say = at === 0 ? createEntity : updateEntity;
    return say({
      tenantId: 'default',
      messageId: `m-${index}-${at}`,
      id: idOf(index),
      at,
      properties: { title: `version ${at}` },
    });
  }),
).flat();

let folder: string;
let database: TestDatabase;
let redis: RedisServer;

const isRun = hasPostgres && hasRedis;
beforeAll(async () => {
  folder = await temporaryFolder();
  if (!isRun) return;
  database = await createDatabase();
  redis = await openRedis({ appendonly: 'yes', appendfsync: 'always' });
});
afterAll(async () => {
  await redis?.close();
  await database?.drop();
  await rm(folder, { recursive: true });
});

describe.runIf(isRun)('two nodes on one Redis and one log', () => {
  it('apply every command that was accepted once, though a node and Redis are killed', async () => {
    const env = {
      DATA_DIR: join(folder, 'data'),
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      MESSAGE_BUS: 'redis',
    };
    const first = await startNode(env);
    const second = await startNode(env);
    /** As every sender does: again, until it is taken. */
    const insist = (command: object) =>
      until(
        'the command is accepted',
        async () => (await ask(second.url, '/commands', { body: command })).status === 202,
        30_000,
      );
    for (const [at, command] of commands.entries()) {
      await insist(command);
      if (at === 60) {
        first.child.kill('SIGKILL');
        await first.ended;
      }
      if (at === 120) {
        await redis.kill();
        await redis.start();
      }
    }
    const poison = { ...createEntity({ tenantId: 'default', messageId: 'poison' }), payload: {} };
    expect((await ask(second.url, '/commands', { body: poison })).status).toBe(400);

    // The dead node's shards come to the other when its lease runs out.
    await until(
      'every entity has its last version',
      async () => {
        const { items } = (await ask(second.url, '/entities?limit=200')).body;
        const isNew = (one: { properties: { title: string } }) =>
          one.properties.title === `version ${versions - 1}`;
        return items.filter(isNew).length === entities;
      },
      60_000,
    );
    await settled(second.url);
    expect((await ask(second.url, '/dead-letters')).body.items).toEqual([]);
    expect(await ask(second.url, '/health/ready')).toMatchObject({
      status: 200,
      body: { checks: expect.arrayContaining([{ name: 'bus', isWell: true }]) },
    });
    second.child.kill();
    expect(await second.ended).toMatchObject({ code: 0 });

    const all = Array.from({ length: entities }, (_, index) => idOf(index));
    await expectOnceInOrder(env.DATA_DIR, all);
  }, 240_000);
});
