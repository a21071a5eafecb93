/** backup, restore, export, import and replay as their user has them. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqlite } from '#adapters/sqlite';
import type { RecordedEvent } from '#runtime';
import { Chance } from '#test/chance';
import { allOf, copyOf, growByChance } from '#test/history';
import { cli } from '#test/process';
import { temporaryFolder } from '#test/served';

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
});

describe('replay', () => {
  let dataDir: string;
  let all: readonly RecordedEvent[];
  beforeAll(async () => {
    dataDir = await grown('replayed', 120);
    all = await eventsIn(join(dataDir, 'log.sqlite'));
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
