/** Operators and the record of what they did, on a node that is started as its user starts it. */
import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, it } from 'vitest';
import { auditLines, SqliteAudit, verifyAudit } from '#adapters/sqlite';
import { createEntity } from '#test/messages';
import { cli, startNode } from '#test/process';
import { ask, temporaryFolder } from '#test/served';
import { until } from '#test/until';

const endings: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of endings.reverse()) await end();
});

const tokens = { ann: 'a-token-of-ann-0001', bob: 'a-token-of-bob-0002' };
const OPERATOR_TOKENS = `ann:${tokens.ann},bob:${tokens.bob}`;

async function started() {
  const folder = await temporaryFolder();
  endings.push(() => rm(folder, { recursive: true }));
  const dataDir = join(folder, 'data');
  const node = await startNode({ DATA_DIR: dataDir, OPERATOR_TOKENS });
  endings.push(async () => {
    node.child.kill('SIGKILL');
    await node.ended;
  });
  const file = join(dataDir, 'audit.sqlite');
  const env = { PORT: new URL(node.url).port, DATA_DIR: dataDir };
  return {
    node,
    dataDir,
    file,
    env,
    records: () => [...auditLines(file)].map((one) => one.record),
  };
}

describe.concurrent('a node with operators', () => {
  it('lets the command line in with a token, and has on record who did what', async ({
    expect,
  }) => {
    const { node, env, file, records } = await started();
    const refused = await cli(['rebuild', 'graph'], env);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain('COGNISYNC_TOKEN');
    const done = await cli(['rebuild', 'graph'], { ...env, COGNISYNC_TOKEN: tokens.ann });
    expect(done).toMatchObject({ code: 0 });
    expect(records()).toMatchObject([
      { kind: 'admin', who: 'ann', action: 'POST /projections/rebuild', outcome: 'begun' },
      { who: 'ann', action: 'POST /projections/rebuild', outcome: 'accepted' },
      { who: 'ann', action: 'rebuild', target: 'graph', outcome: 'done' },
    ]);

    await ask(node.url, '/commands', { body: createEntity({ tenantId: 'acme' }) });
    await ask(node.url, '/webhooks/nowhere', { body: {} });
    node.child.kill('SIGTERM');
    expect(await node.ended).toMatchObject({ code: 0 });
    expect(records().slice(3)).toMatchObject([
      {
        kind: 'authentication',
        who: 'unknown',
        action: 'POST /projections/rebuild',
        outcome: 'refused',
        code: 'OPERATOR_REFUSED',
        from: '127.0.0.1',
        count: 1,
      },
      { kind: 'command', who: 'tenant:acme', outcome: 'accepted', count: 1 },
      { kind: 'authentication', who: 'unknown', code: 'CONNECTION_UNKNOWN', count: 1 },
    ]);

    const shown = await cli(['audit', '--who', 'ann', '--json'], env);
    const lines = shown.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ sequence, outcome }) => [sequence, outcome])).toEqual([
      [1, 'begun'],
      [2, 'accepted'],
      [3, 'done'],
    ]);
    const table = await cli(['audit', '--kind', 'command', '--since', '2020-01-01'], env);
    expect(table.stdout).toMatch(
      /^ +5 {2}\S+Z {2}command +accepted ×?.*tenant:acme {2}POST \/commands/,
    );
    expect((await cli(['audit', '--since', '2120-01-01'], env)).stdout).toBe('');

    const text = execFileSync('strings', [file]).toString() + node.said();
    for (const token of Object.values(tokens)) expect(text).not.toContain(token);
  });

  it('has on record all that was answered, and a whole chain, when it is killed at work', async ({
    expect,
  }) => {
    const { node, file, env, records } = await started();
    const headers = { authorization: `Bearer ${tokens.bob}` };
    const change = (level: string) =>
      ask(node.url, '/log-level', { body: { level }, headers }).then(
        ({ status }) => status,
        () => 'cut off',
      );
    const asked: Promise<number | string>[] = [];
    await until('much is on record', async () => {
      asked.push(...['warn', 'error'].map(change));
      await asked.at(-1);
      return records().length > 100;
    });
    asked.push(...Array.from({ length: 20 }, () => change('warn')));
    node.child.kill('SIGKILL');
    const answers = await Promise.all(asked);
    await node.ended;
    const begun = records().filter(({ outcome }) => outcome === 'begun');
    expect(begun.length).toBeGreaterThanOrEqual(answers.filter((one) => one === 200).length);
    expect(verifyAudit(file).fault).toBeNull();

    const verdict = await cli(['audit', 'verify', '--json'], env);
    const { end, lines } = JSON.parse(verdict.stdout);
    expect(lines).toBe(records().length);
    const kept = (place: string) => cli(['audit', 'verify', '--kept', place], env);
    expect(await kept(`${end.sequence}:${end.hash}`)).toMatchObject({ code: 0 });
    expect(await kept(`${end.sequence + 1}:${end.hash}`)).toMatchObject({
      code: 1,
      stdout: `DAMAGED: it ends at line ${lines}, before ${lines + 1}\n`,
    });

    const db = new DatabaseSync(file);
    db.exec("DROP TRIGGER line_update; UPDATE line SET record = replace(record, 'bob', 'eve')");
    db.close();
    expect(await cli(['audit', 'verify'], env)).toMatchObject({
      code: 1,
      stdout: 'DAMAGED: line 1 was changed\n',
    });
  });
});

describe.concurrent('the command line without a node', () => {
  it('has on record that it restored a log, and how that went', async ({ expect }) => {
    const folder = await temporaryFolder();
    endings.push(() => rm(folder, { recursive: true }));
    const DATA_DIR = join(folder, 'data');
    expect(await cli(['restore', join(folder, 'none')], { DATA_DIR })).toMatchObject({ code: 1 });
    const target = join(folder, 'none');
    const of = { kind: 'admin', action: 'restore', target };
    const { records } = { records: [...auditLines(join(DATA_DIR, 'audit.sqlite'))] };
    expect(records.map(({ record }) => record)).toMatchObject([
      { ...of, who: expect.stringMatching(/^cli:./), outcome: 'begun' },
      { ...of, outcome: 'failed' },
    ]);
  });

  it('does nothing that can not be on record', async ({ expect }) => {
    const folder = await temporaryFolder();
    endings.push(() => rm(folder, { recursive: true }));
    const DATA_DIR = join(folder, 'data');
    const file = join(folder, 'none');
    await cli(['restore', file], { DATA_DIR });
    const holder = new DatabaseSync(join(DATA_DIR, 'audit.sqlite'));
    holder.exec('BEGIN IMMEDIATE');
    const refused = await cli(['restore', file, '--json'], { DATA_DIR });
    holder.exec('ROLLBACK');
    holder.close();
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stderr).error.code).toBe('AUDIT_UNAVAILABLE');
    new SqliteAudit(join(DATA_DIR, 'audit.sqlite')).close();
  });
});
