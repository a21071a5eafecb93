import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, hasPostgres } from '#test/postgres';
import { cli, startNode } from '#test/process';
import { freePort, hasRedis, openRedis } from '#test/redis';
import { ask, temporaryFolder } from '#test/served';
import { until } from '#test/until';

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => rm(folder, { recursive: true }));

/** What it says where no node answers, of this environment. */
async function alone(env: Readonly<Record<string, string>> = {}) {
  const PORT = String(await freePort());
  return cli(['doctor'], { PORT, DATA_DIR: join(folder, 'data'), ...env });
}

describe('doctor without a node', () => {
  it('finds what a node would need, and makes nothing', async () => {
    const { code, stdout } = await alone();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ILL {3}node: no node answers at http/);
    expect(stdout).toContain('Start one with `cognisync start`');
    expect(stdout).toMatch(/ok {4}Node: is 24/);
    expect(stdout).toMatch(/ok {4}port \d+: on 127.0.0.1 is free/);
    expect(stdout).toContain(`ok    data folder: ${join(folder, 'data')} can be made`);
    expect(stdout).toMatch(/disk: has [\d,]+ MiB left/);
  });

  it('tells the mistakes of a configuration, and no secret of it', async () => {
    const { stdout } = await alone({ LOG_LEVEL: 'loud', DATABASE_URL: 'mysql://u:hunter2@h/d' });
    expect(stdout).toContain('ILL   configuration: LOG_LEVEL is "loud"');
    expect(stdout).toContain('DATABASE_URL has the wrong form');
    expect(stdout).not.toContain('hunter2');
  });

  it('tells what a node would warn of', async () => {
    const { stdout } = await alone({ HOST: '0.0.0.0' });
    expect(stdout).toContain('configuration: no OPERATOR_TOKENS, and HOST is 0.0.0.0');
    expect(stdout).toContain('configuration: no CONNECTIONS_FILE');
    expect(stdout).toContain('Set what is named, if that is not what you want.');
  });

  it('names a data folder that is none', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const { stdout } = await alone({ DATA_DIR: file });
    expect(stdout).toContain(`ILL   data folder: ${file} can't be used`);
    expect(stdout).toContain('set DATA_DIR to another folder');
  });

  it('names a PostgreSQL that does not answer', async () => {
    const { stdout } = await alone({ DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/d' });
    expect(stdout).toContain("ILL   PostgreSQL: of DATABASE_URL can't be used");
    expect(stdout).not.toContain('hunter2');
  });

  it('says that another program has the port', async () => {
    const other = createServer((_request, response) => response.end('{"hello": 1}'));
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { code, stdout } = await alone({ PORT: String(port) });
    expect(code).toBe(1);
    expect(stdout).toContain('without the health of a node');
    other.close();
  });
});

describe.runIf(hasPostgres && hasRedis)('doctor of a node', () => {
  it('is content, then names a Redis that was killed, then a PostgreSQL that is gone', async () => {
    const redis = await openRedis();
    const database = await createDatabase();
    const DATA_DIR = join(folder, 'node');
    const node = await startNode({ DATA_DIR, REDIS_URL: redis.url, DATABASE_URL: database.url });
    const shown = async () => cli(['doctor', '--url', node.url, '--json']);
    const isNow = (status: string) => async () =>
      (await ask(node.url, '/health')).body.status === status;
    try {
      await until('it is healthy', isNow('healthy'));
      expect((await cli(['doctor', '--url', node.url])).stdout).toMatch(/ok {4}redis: is well/);
      await redis.kill();
      await until('it is degraded', isNow('degraded'));
      const degraded = await shown();
      expect(degraded.code).toBe(1);
      expect(JSON.parse(degraded.stdout).findings).toContainEqual(
        expect.objectContaining({ name: 'redis', status: 'degraded' }),
      );
      await database.drop();
      await until('it is unhealthy', isNow('unhealthy'));
      expect(JSON.parse((await shown()).stdout).findings).toContainEqual(
        expect.objectContaining({ name: 'read-store', status: 'unhealthy' }),
      );
    } finally {
      node.child.kill('SIGKILL');
      await node.ended;
      await redis.close();
    }
  });
});
