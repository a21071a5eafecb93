/** PGlite's folder: one process, no loss by `kill -9`, and a clear word where it is damaged. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openPglite } from '#adapters/postgres';
import type { ReadStore } from '#runtime';
import { putDatabase } from '#test/database-template';
import { until } from '#test/until';

const root = join(import.meta.dirname, '../..');
let shelf: string;
let pristine: string;
let dataDir: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  shelf = await mkdtemp(join(tmpdir(), 'cognisync-pglite-'));
  pristine = join(shelf, 'pristine');
  putDatabase(pristine);
  const store = await openPglite({ dataDir: pristine });
  await store.query('CREATE TABLE note (n int)');
  await store.close();
});
afterAll(() => rm(shelf, { recursive: true }));
afterEach(async () => {
  for (const child of children.splice(0)) await killed(child);
});
beforeEach(async () => {
  dataDir = join(await mkdtemp(join(shelf, 'case-')), 'graph');
  cpSync(pristine, dataDir, { recursive: true });
});

/** A process that opens the folder, writes note after note, and says how many are committed. */
async function writer(): Promise<{ child: ChildProcess; committed: () => number }> {
  const code = `
    import { openPglite } from '#adapters/postgres';
    const store = await openPglite({ dataDir: ${JSON.stringify(dataDir)} });
    for (let n = 1; ; n++) {
      await store.transaction(async (tx) => {
        await tx.query('INSERT INTO note VALUES ($1)', [n]);
        await tx.query('INSERT INTO note VALUES ($1)', [n]);
      });
      process.stdout.write(n + '\\n');
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let said = '';
  child.stdout?.on('data', (chunk) => {
    said += chunk;
  });
  const committed = () => Number(said.trimEnd().split('\n').at(-1));
  await until('the writer has written', () => committed() > 5, 30_000);
  return { child, committed };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

describe('a folder in use', () => {
  it('is refused at once to a second opener of the same process', async () => {
    const store = await openPglite({ dataDir });
    await expect(openPglite({ dataDir })).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' });
    await store.close();
    const again = await openPglite({ dataDir });
    await again.close();
  });

  it('is refused to another process; after kill -9 it is free, and holds whole transactions', async () => {
    const { child, committed } = await writer();
    await expect(openPglite({ dataDir })).rejects.toMatchObject({
      code: 'DATA_FOLDER_IN_USE',
      data: { folder: dataDir },
    });
    await killed(child);
    const store = await openPglite({ dataDir });
    const notes = await store.query<{ n: number; times: number }>(
      'SELECT n, count(*) AS times FROM note GROUP BY n ORDER BY n',
    );
    expect(notes.length).toBeGreaterThanOrEqual(committed());
    expect(notes).toEqual(notes.map((_, index) => ({ n: index + 1, times: 2 })));
    await store.close();
  });
});

describe('a folder that can not be opened', () => {
  it.each<[string, (folder: string) => Promise<void>]>([
    ['a control file cut short', (folder) => truncate(join(folder, 'global/pg_control'), 100)],
    ['no control file', (folder) => rm(join(folder, 'global/pg_control'))],
    ['no log', (folder) => rm(join(folder, 'pg_wal'), { recursive: true })],
    ['no catalogue', (folder) => rm(join(folder, 'base'), { recursive: true })],
    ['another version', (folder) => writeFile(join(folder, 'PG_VERSION'), '12\n')],
    [
      'a control file of noise',
      (folder) => writeFile(join(folder, 'global/pg_control'), 'x'.repeat(8192)),
    ],
  ])('names itself and the way out: %s', async (_, damage) => {
    await damage(dataDir);
    const opened = openPglite({ dataDir });
    await expect(opened).rejects.toMatchObject({ code: 'DATA_CORRUPT', data: { folder: dataDir } });
    await expect(opened).rejects.toThrow(/delete it and start again/);
  });

  it('is not written to where it holds something else', async () => {
    const folder = join(shelf, 'photos');
    await mkdir(folder);
    await writeFile(join(folder, 'cat.jpg'), 'meow');
    await expect(openPglite({ dataDir: folder })).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    expect(await readdir(folder)).toEqual(['cat.jpg']);
  });

  it('is a mistake in the settings where a file stands in its way', async () => {
    await writeFile(join(shelf, 'file'), '');
    await expect(openPglite({ dataDir: join(shelf, 'file', 'graph') })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

describe('a store in long use', () => {
  let store: ReadStore;
  beforeEach(async () => {
    store = await openPglite({ dataDir });
  });
  afterEach(() => store.close());

  it('vacuums what its updates leave behind', async () => {
    await store.query('INSERT INTO note SELECT n FROM generate_series(1, 100) n');
    for (let round = 0; round < 600; round++) await store.query('UPDATE note SET n = n + 1');
    const [state] = await store.query(
      `SELECT vacuum_count > 0 AS vacuumed, n_dead_tup < 20000 AS lean
         FROM pg_stat_user_tables WHERE relname = 'note'`,
    );
    expect(state).toEqual({ vacuumed: true, lean: true });
  });

  it('flushes each commit to the disk', async () => {
    expect(
      await store.query(
        "SELECT current_setting('fsync') AS a, current_setting('wal_sync_method') AS b",
      ),
    ).toEqual([{ a: 'on', b: 'fsync' }]);
  });
});
