/** backup, restore, export, import and replay as their user has them: each a dozen of processes. */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceBusClient } from '@azure/service-bus';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqlite } from '#adapters/sqlite';
import { limits, type RecordedEvent, shardOf } from '#runtime';
import { Chance } from '#test/chance';
import { allOf, copyOf, growByChance } from '#test/history';
import { createEntity, updateEntity } from '#test/messages';
import { cli, run, startNode } from '#test/process';
import { ask, settled, temporaryFolder } from '#test/served';
import { openTestBroker } from '#test/service-bus';
import { until } from '#test/until';
import { newEvent } from '../contracts/log-event.ts';

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const at = (...names: string[]) => join(folder, ...names);

async function json(...args: string[]) {
  const { code, stdout, stderr } = await cli([...args, '--json']);
  return { code, stderr, answer: stdout === '' ? null : JSON.parse(stdout) };
}

/** What is in a log's file. */
async function eventsIn(file: string): Promise<readonly RecordedEvent[]> {
  const { log } = await openSqlite(file);
  return allOf(log).finally(() => log.close());
}

/** A data folder whose log has a history of chance. */
async function grown(name: string, appends: number): Promise<string> {
  const dataDir = at(name);
  await mkdir(dataDir);
  const { log } = await openSqlite(join(dataDir, 'log.sqlite'));
  await growByChance(log, appends, new Chance(appends));
  await log.close();
  return dataDir;
}

/** Further lines as an export: its first line, and the last one that belongs to them. */
function exportOf(header: string, lines: readonly string[]): string {
  const texts = lines.map((line) => `${line.replace(/^\{"position":\d+,/, '{')}\n`);
  const digest = createHash('sha256').update(texts.join('')).digest('hex');
  return [header, ...lines, JSON.stringify({ events: lines.length, digest })].join('\n');
}

describe('backup and restore', () => {
  it('bring a node back to where it was, and its read models with it', async () => {
    const dataDir = at('node');
    const log = join(dataDir, 'log.sqlite');
    let node = await startNode({ DATA_DIR: dataDir });
    const say = (number: number) =>
      ask(node.url, '/commands', {
        body: createEntity({
          tenantId: 'default',
          messageId: `m-${number}`,
          id: `n-${number}`,
          properties: { number },
        }),
      });
    for (let number = 0; number < 20; number++) await say(number);
    const made = await json('backup', at('one.sqlite'), '--data-dir', dataDir);
    expect(made).toMatchObject({ code: 0, answer: { isSound: true, faults: [] } });
    expect(made.answer.events).toBeGreaterThanOrEqual(20);
    for (let number = 20; number < 25; number++) await say(number);
    await settled(node.url);

    const verified = await json('verify', '--backup', at('one.sqlite'));
    expect(verified).toMatchObject({ code: 0 });
    for (const fact of ['head', 'events', 'digest']) {
      expect(verified.answer[fact]).toBe(made.answer[fact]);
    }
    const inUse = await json('restore', at('one.sqlite'), '--data-dir', dataDir, '--force');
    expect(inUse.code).toBe(1);
    expect(inUse.stderr).toContain('DATA_FOLDER_IN_USE');
    node.child.kill();
    await node.ended;

    const before = await eventsIn(log);
    const newer = await cli(['restore', at('one.sqlite'), '--data-dir', dataDir]);
    expect(newer).toMatchObject({ code: 1, stdout: '' });
    expect(newer.stderr).toContain('that the backup does not have');
    expect(await eventsIn(log)).toEqual(before);

    const forced = await cli(['restore', at('one.sqlite'), '--data-dir', dataDir, '--force']);
    expect(forced.stdout).toContain(made.answer.digest);
    expect(forced.stdout).toContain('CHECKPOINT_AHEAD');
    expect(await eventsIn(`${log}.replaced-1`)).toEqual(before);
    const again = ['restore', at('one.sqlite'), '--data-dir', dataDir, '--rebuild'];
    expect(await cli(again)).toMatchObject({ code: 0 });
    expect(await eventsIn(log)).toEqual(before.slice(0, made.answer.events));
    expect(existsSync(join(dataDir, 'read-models'))).toBe(false);

    node = await startNode({ DATA_DIR: dataDir });
    await settled(node.url);
    expect(await ask(node.url, '/entities/n-19')).toMatchObject({ status: 200 });
    expect(await ask(node.url, '/entities/n-20')).toMatchObject({ status: 404 });
    node.child.kill();
    await node.ended;
    expect((await readdir(dataDir)).filter((name) => /restoring|-wal/.test(name))).toEqual([]);
    // Two starts of a node and seven commands, each a process.
  }, 180_000);

  it('refuse what is damaged, and touch nothing', async () => {
    const dataDir = await grown('damaged', 60);
    const log = join(dataDir, 'log.sqlite');
    await cli(['backup', at('two.sqlite'), '--data-dir', dataDir]);
    const bytes = await readFile(at('two.sqlite'));
    await writeFile(at('torn.sqlite'), bytes.subarray(0, bytes.length - 8_192));
    const before = await eventsIn(log);
    for (const args of [
      ['verify', '--backup', at('torn.sqlite')],
      ['restore', at('torn.sqlite'), '--data-dir', dataDir, '--force'],
      ['restore', at('none.sqlite'), '--data-dir', dataDir, '--force'],
      ['backup', at('two.sqlite'), '--data-dir', dataDir],
      ['backup', at('three.sqlite'), '--data-dir', at('nowhere')],
    ]) {
      expect(await cli(args), args.join(' ')).toMatchObject({ code: 1 });
    }
    expect(await eventsIn(log)).toEqual(before);
    expect((await readdir(folder)).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  it('put a backup in the place of a log that can not be read, when forced', async () => {
    const dataDir = await grown('unreadable', 30);
    const log = join(dataDir, 'log.sqlite');
    const before = await eventsIn(log);
    await cli(['backup', at('four.sqlite'), '--data-dir', dataDir]);
    await writeFile(log, 'no log any more'.repeat(1_000));
    const args = ['restore', at('four.sqlite'), '--data-dir', dataDir];
    expect((await cli(args)).stderr).toContain('--force puts the backup in its place');
    expect(await cli([...args, '--force'])).toMatchObject({ code: 0 });
    expect(await eventsIn(log)).toEqual(before);
    expect(await readFile(`${log}.replaced-1`, 'utf8')).toContain('no log any more');
  });
});

describe('export and import', () => {
  it('give the same lines again', async () => {
    const dataDir = await grown('exported', 500);
    const made = await json('export', '--file', at('a.ndjson'), '--data-dir', dataDir);
    const imported = await json('import', at('a.ndjson'), '--data-dir', at('imported'));
    await json('export', '--file', at('b.ndjson'), '--data-dir', at('imported'));
    expect(await readFile(at('b.ndjson'), 'utf8')).toBe(await readFile(at('a.ndjson'), 'utf8'));
    expect(imported.answer.digest).toBe(made.answer.digest);
    expect(await readdir(at('imported'))).toEqual(['log.sqlite']);
    const backup = await json('backup', at('five.sqlite'), '--data-dir', dataDir);
    expect(backup.answer.digest).toBe(made.answer.digest);
  });

  it('leave no log of a file that is cut off, or does not continue a stream', async () => {
    const dataDir = await grown('cut', 50);
    await cli(['export', '--file', at('cut.ndjson'), '--data-dir', dataDir]);
    const lines = (await readFile(at('cut.ndjson'), 'utf8')).split('\n');
    await writeFile(at('cut.ndjson'), lines.slice(0, 30).join('\n'));
    const cut = await cli(['import', at('cut.ndjson'), '--data-dir', at('from-cut')]);
    expect(cut.stderr).toContain('is not whole');

    const part = ['replay', '--into', 'ndjson', '--from', '20', '--data-dir', dataDir];
    const { stdout } = await cli(part);
    const tail = stdout.trimEnd().split('\n');
    await writeFile(at('holes.ndjson'), exportOf(lines[0]!, tail));
    const holes = await cli(['import', at('holes.ndjson'), '--data-dir', at('from-cut')]);
    expect(holes.stderr).toMatch(/line \d+ is \S+@\d+, which does not continue its stream/);
    expect(existsSync(at('from-cut', 'log.sqlite'))).toBe(false);
  });

  it('refuse a log that is not empty, and a file that is there', async () => {
    const dataDir = await grown('full', 5);
    await cli(['export', '--file', at('full.ndjson'), '--data-dir', dataDir]);
    const before = await readFile(at('full.ndjson'));
    const again = await cli(['export', '--file', at('full.ndjson'), '--data-dir', dataDir]);
    expect(again.stderr).toContain('is there already');
    expect(await readFile(at('full.ndjson'))).toEqual(before);
    const into = await cli(['import', at('full.ndjson'), '--data-dir', dataDir]);
    expect(into.stderr).toContain('is not empty');
  });

  it('go on after a kill -9, and show no log before it is whole', async () => {
    const dataDir = await grown('large', 0);
    const { log, replica } = await openSqlite(join(dataDir, 'log.sqlite'));
    const events = Array.from({ length: 30_000 }, (_, n) => ({
      ...newEvent({ data: { n, text: 'x'.repeat(200) } }),
      stream: `entity-acme/${n % 500}`,
      revision: Math.floor(n / 500),
      position: n + 1,
    }));
    for (let from = 0; from < events.length; from += 2_000) {
      await replica.extend(events.slice(from, from + 2_000));
    }
    await log.close();
    const made = await json('export', '--file', at('large.ndjson'), '--data-dir', dataDir);
    const target = at('resumed');
    const args = ['import', at('large.ndjson'), '--data-dir', target];
    const aside = join(target, 'log.sqlite.importing');
    for (const bytes of [1e6, 4e6]) {
      const importing = run('infra/cli/cognisync.js', args);
      const size = () =>
        [aside, `${aside}-wal`].reduce(
          (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
          0,
        );
      await until('some of it is there', () => size() > bytes, 50_000);
      importing.child.kill('SIGKILL');
      await importing.ended;
      expect(existsSync(join(target, 'log.sqlite'))).toBe(false);
    }
    await writeFile(at('none.ndjson'), exportOf('{"format":"cognisync-history","version":1}', []));
    const other = await cli(['import', at('none.ndjson'), '--data-dir', target]);
    expect(other.stderr).toContain('is not the beginning of this file');
    expect((await json(...args)).answer).toMatchObject({ digest: made.answer.digest });
    expect(await eventsIn(join(target, 'log.sqlite'))).toHaveLength(30_000);
  });
});

describe('replay', () => {
  let dataDir: string;
  let all: readonly RecordedEvent[];
  beforeAll(async () => {
    dataDir = await grown('replayed', 120);
    all = await eventsIn(join(dataDir, 'log.sqlite'));
  });

  it('writes what was chosen as lines, on stdout or into a file that is whole', async () => {
    const chosen = all.filter(
      ({ stream, type, position }) =>
        /^entity-acme\//.test(stream) && type === 'Made' && position >= 5 && position <= 90,
    );
    const args = ['--from', '5', '--to', '90', '--tenant', 'acme', '--type', 'Made'];
    const selection = [...args, '--category', 'entity', '--data-dir', dataDir];
    const { stdout } = await cli(['replay', '--into', 'ndjson', ...selection]);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(chosen);
    const file = at('chosen.ndjson');
    await cli(['replay', '--into', 'ndjson', '--file', file, ...selection]);
    expect(await readFile(file, 'utf8')).toBe(stdout);
    const counted = await json('replay', '--into', 'bus', '--dry-run', ...selection);
    expect(counted.answer).toMatchObject({
      events: chosen.length,
      items: [{ tenant: 'acme', type: 'Made', events: chosen.length }],
    });
  });

  it('tells other services again, with the same ids, where there is a topic for them', async () => {
    const bus = ['replay', '--into', 'bus'];
    const without = await cli([...bus, '--data-dir', dataDir]);
    expect(without).toMatchObject({ code: 1 });
    expect(without.stderr).toContain('CONFIG_INVALID');

    const broker = await openTestBroker({ others: ['outbound'] });
    const own = at('told');
    const env = {
      DATA_DIR: own,
      SERVICE_BUS_CONNECTION_STRING: broker.connectionString,
      SERVICE_BUS_OUTBOUND_TOPIC_NAME: 'outbound',
    };
    const node = await startNode({ DATA_DIR: own });
    for (const body of [createEntity({ id: 'a' }), updateEntity({ id: 'a', at: 1 })]) {
      await ask(node.url, '/commands', { body });
    }
    node.child.kill();
    await node.ended;
    const { stdout } = await cli(bus, env);
    expect(stdout).toContain('went to other services once more, with the ids that they had');
    const events = await eventsIn(join(own, 'log.sqlite'));
    const client = new ServiceBusClient(broker.connectionString);
    const session = String(shardOf('entity-acme/a', limits.shards));
    const receiver = await client.acceptSession('outbound', 'all', session);
    const received = await receiver.receiveMessages(9, { maxWaitTimeInMs: 1_000 });
    expect(received.map(({ messageId }) => messageId)).toEqual(events.map(({ id }) => id));
    await client.close();
    await broker.close();
  });

  it('ends on SIGINT with where to go on, and keeps no half file', async () => {
    const large = at('large');
    const file = at('half.ndjson');
    const args = ['replay', '--into', 'ndjson', '--file', file, '--data-dir', large];
    const writing = run('infra/cli/cognisync.js', args);
    await until('it has begun', () => existsSync(`${file}.partial`), 30_000);
    writing.child.kill('SIGINT');
    const { code, stderr } = await writing.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/stopped at position \d+ of 30000/);
    expect(existsSync(file) || existsSync(`${file}.partial`)).toBe(false);
    const out = run('infra/cli/cognisync.js', ['replay', '--into', 'ndjson', '--data-dir', large]);
    await out.says(/"position":1,/);
    out.child.kill('SIGINT');
    const ended = await out.ended;
    const last = JSON.parse(ended.stdout.trimEnd().split('\n').at(-1)!).position;
    expect(ended.stderr).toContain(`Go on with --from ${last + 1}.`);
  });

  it('copies a tenant into another log, once, however often', async () => {
    const file = at('acme.sqlite');
    const args = ['replay', '--into', `log:${file}`, '--tenant', 'acme', '--data-dir', dataDir];
    const acme = all.filter(({ stream }) => /^[a-z]+-acme/.test(stream));
    const first = await json(...args);
    expect(first.answer).toMatchObject({ events: acme.length, taken: acme.length });
    expect((await json(...args)).answer).toMatchObject({ events: acme.length, taken: 0 });
    const { log } = await openSqlite(file);
    expect(await copyOf(log)).toEqual(acme.map(({ position: _, ...rest }) => rest));
    await log.close();
    const typed = await cli([...args, '--type', 'Made']);
    expect(typed.stderr).toContain('--type would leave holes');
    const late = await cli([...args, '--from', '60', '--into', `log:${at('late.sqlite')}`]);
    expect(late.stderr).toContain('COPY_DIVERGED');
  });

  it('says what is wrong with where it should go', async () => {
    for (const [args, said] of [
      [['--into', 'nowhere'], "there is no way into 'nowhere'"],
      [['--into', 'bus', '--file', 'x'], '--file is for --into ndjson'],
      [['--into', 'ndjson', '--from', '9', '--to', '3'], 'nothing stands between them'],
    ] as const) {
      const { code, stderr } = await cli(['replay', ...args, '--data-dir', dataDir]);
      expect(code).toBe(1);
      expect(stderr).toContain(said);
    }
  });
});
