import { once } from 'node:events';
import { rm, truncate } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemIds } from '#adapters/system';
import { openNode, readConfig } from '#infra';
import { putDatabase } from '#test/database-template';
import { createEntity } from '#test/messages';
import { run, startNode } from '#test/process';
import { ask, temporaryFolder } from '#test/served';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';

let dataDir: string;
const copies: string[] = [];
beforeAll(async () => {
  dataDir = await temporaryFolder();
  putDatabase(join(dataDir, 'read-models'));
  // The embedded read store takes a while to be made; the tests share it.
  const node = await open();
  const body = JSON.stringify(createEntity({ id: 'issue-1' }));
  await node.bus.publish([{ messageId: 'first', body }]);
  await node.drain();
  await node.close();
});
afterAll(async () => {
  for (const folder of [dataDir, ...copies]) await rm(folder, { recursive: true });
});

function open() {
  const surroundings = { clock: systemClock, ids: systemIds, telemetry: new Recorder() };
  return openNode({ ...readConfig({ DATA_DIR: dataDir }), connections: new Map() }, surroundings);
}

/** A copy of the log, in a folder of its own, for who changes it. */
async function copyOfLog(): Promise<string> {
  const folder = await temporaryFolder();
  copies.push(folder);
  const log = new DatabaseSync(join(dataDir, 'log.sqlite'));
  log.exec(`VACUUM INTO '${join(folder, 'log.sqlite')}'`);
  log.close();
  return folder;
}

/** A start that must fail, with what it said. */
async function refusal(env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await run('infra/main.ts', [], {
    PORT: '0',
    DATA_DIR: dataDir,
    LOG_LEVEL: 'silent',
    ...env,
  }).ended;
  expect(code).toBe(1);
  expect(stdout).toBe('');
  return stderr;
}

describe.concurrent('a start that can not be', () => {
  it('tells all mistakes of the configuration in one message', async ({ expect }) => {
    const said = await refusal({ PORT: 'x', DATABASE_URL: 'mysql://u:hunter2@h/d' });
    expect(said).toBe(`cognisync: CONFIG_INVALID
  PORT is "x"; it must be a whole number from 0 to 65535
  DATABASE_URL has the wrong form; it must be postgres://user@host/database
The environment or the connections file has mistakes, listed above.
`);
  });

  it('says that another program listens on the port', async ({ expect }) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const said = await refusal({ PORT: String(port) });
    expect(said).toContain(
      `can't listen on 127.0.0.1, PORT ${port}: another program listens there`,
    );
    other.close();
  });

  it('is refused where another node has the data folder, which goes on', async ({ expect }) => {
    const node = await startNode({ DATA_DIR: dataDir, REDIS_URL: 'redis://:hunter2@cache' });
    expect(await refusal({})).toMatch(/^cognisync: DATA_FOLDER_IN_USE\n/);
    expect(await ask(node.url, '/health/ready')).toMatchObject({ status: 200 });
    node.child.kill('SIGINT');
    const { code, stderr } = await node.ended;
    expect(code).toBe(0);
    // It serves without Redis, which it says it misses.
    expect(stderr).toMatch(/redis/i);
    expect(stderr).not.toContain('hunter2');
  });

  it('is refused for a log of a newer format', async ({ expect }) => {
    const folder = await copyOfLog();
    const log = new DatabaseSync(join(folder, 'log.sqlite'));
    log.exec('PRAGMA user_version = 99');
    log.close();
    const said = await refusal({ DATA_DIR: folder });
    expect(said).toMatch(/^cognisync: DATA_FORMAT_NEWER\n.*format 99/);
  });

  it('is refused for a log that was cut off', async ({ expect }) => {
    const folder = await copyOfLog();
    const copy = new DatabaseSync(join(folder, 'log.sqlite'));
    copy.exec('PRAGMA journal_mode = WAL');
    copy.close();
    await truncate(join(folder, 'log.sqlite'), 20_000);
    expect(await refusal({ DATA_DIR: folder })).toMatch(/^cognisync: DATA_CORRUPT\n/);
  });

  it('is refused for a data folder that can not be made', async ({ expect }) => {
    const said = await refusal({ DATA_DIR: join(dataDir, 'log.sqlite', 'inside') });
    expect(said).toMatch(/^cognisync: CONFIG_INVALID\n {2}DATA_DIR .* can't be made/);
  });
});

describe('a node that runs', () => {
  it('answers 503 from the first moment until it is ready', async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as { port: number };
    probe.close();
    await once(probe, 'close');
    const url = `http://127.0.0.1:${port}`;
    const node = run('infra/main.ts', [], { DATA_DIR: dataDir, PORT: String(port) });
    const seen = new Set<number>();
    const isTaken = async () => {
      const body = { webhookEvent: 'x' };
      const answer = await ask(url, '/webhooks/jira', { body }).catch(() => null);
      if (answer !== null) seen.add(answer.status);
      return answer?.status === 202;
    };
    await until('it is ready', isTaken, 60_000);
    expect([...seen]).toEqual([503, 202]);
    node.child.kill();
    expect(await node.ended).toMatchObject({ code: 0 });
  });

  it('drains on SIGTERM: what it took is answered and durable, then it ends with 0', async () => {
    const node = await startNode({ DATA_DIR: dataDir });
    const answers = Array.from({ length: 300 }, (_, at) =>
      ask(node.url, '/commands', {
        body: createEntity({ messageId: `drain-${at}`, id: `drain-${at}` }),
      }).then(
        ({ status }) => ({ at, status }),
        () => ({ at, status: 0 }),
      ),
    );
    await Promise.race(answers);
    node.child.kill('SIGTERM');
    expect(await node.ended).toMatchObject({ code: 0, signal: null });
    const acked = (await Promise.all(answers)).filter(({ status }) => status === 202);
    expect(acked.length).toBeGreaterThan(0);
    const reopened = await open();
    for (const { at } of acked) {
      expect(await reopened.log.readStream(`entity-acme/drain-${at}`)).toHaveLength(1);
    }
    await reopened.drain();
    await reopened.close();
  });
});
