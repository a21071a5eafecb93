import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOnceInOrder } from '#test/acted';
import { createEntity, linkEntities, updateEntity } from '#test/messages';
import { createDatabase, hasPostgres, type TestDatabase } from '#test/postgres';
import { type Running, run, startNode } from '#test/process';
import { ask, settled, temporaryFolder } from '#test/served';
import { until } from '#test/until';

const entities = 40;
const versions = 5;
const idOf = (index: number) => `issue-${index}`;

/** Every entity in five versions, each linked to the next, one poison message in the middle. */
const lines = [
  ...Array.from({ length: versions }, (_, at) =>
    Array.from({ length: entities }, (_, index) => {
      const parts = { tenantId: 'default', messageId: `m-${index}-${at}`, id: idOf(index), at };
      const properties = { title: `version ${at}` };
      const say = at === 0 ? createEntity : updateEntity;
      return say({ ...parts, properties });
    }),
  ).flat(),
  { ...createEntity({ tenantId: 'default', messageId: 'poison' }), payload: {} },
  ...Array.from({ length: entities - 1 }, (_, index) =>
    linkEntities({
      tenantId: 'default',
      messageId: `link-${index}`,
      id: `link-${index}`,
      from: idOf(index),
      to: idOf(index + 1),
    }),
  ),
].map((message) => JSON.stringify(message));

let folder: string;
let database: TestDatabase;
let broker: Running;
let connectionString: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  if (!hasPostgres) return;
  database = await createDatabase();
  const file = join(folder, 'service-bus.sqlite');
  broker = run('infra/cli/cognisync.js', ['service-bus', '--port', '0', '--file', file]);
  [connectionString] = (await broker.says(/Endpoint=sb:\S+/)) as unknown as [string];
});
afterAll(async () => {
  broker?.child.kill();
  await broker?.ended;
  await database?.drop();
  await rm(folder, { recursive: true });
});

if (!hasPostgres) {
  console.warn('not run without PostgreSQL: two nodes on one Service Bus and one log');
}

describe.runIf(hasPostgres)('two nodes on one Service Bus and one log', () => {
  it('apply every message of a plain producer once, though one of them is killed', async () => {
    const env = {
      DATA_DIR: join(folder, 'data'),
      DATABASE_URL: database.url,
      SERVICE_BUS_CONNECTION_STRING: connectionString,
    };
    const first = await startNode(env);
    const second = await startNode(env);
    await writeFile(join(folder, 'messages.ndjson'), lines.join('\n'));
    const producer = run('test/journey/producer.ts', [join(folder, 'messages.ndjson')], env);

    await until(
      'some of it is there',
      async () => (await ask(second.url, '/entities?limit=1')).body.items.length > 0,
      60_000,
    );
    first.child.kill('SIGKILL');
    await first.ended;
    await producer.says(/all sent/);
    // The dead node's shards come to the other when their locks run out.
    await until(
      'every entity has its last version, and every link is an edge',
      async () => {
        const { items } = (await ask(second.url, '/entities?limit=200')).body;
        const isNew = (one: { properties: { title: string } }) =>
          one.properties.title === `version ${versions - 1}`;
        if (items.filter(isNew).length < entities) return false;
        const middle = await ask(second.url, `/entities/${idOf(7)}/neighbours`);
        const last = await ask(second.url, `/entities/${idOf(entities - 1)}/neighbours`);
        return middle.body.items.length === 2 && last.body.items.length === 1;
      },
      120_000,
    );
    await settled(second.url);
    const letters = await ask(second.url, '/dead-letters');
    expect(letters.body.items).toMatchObject([
      { messageId: 'poison', reason: { code: 'MESSAGE_INVALID' } },
    ]);
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
