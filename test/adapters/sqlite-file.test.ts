/** The file of the embedded log: its marks, what is refused at opening, and that it only grows. */
import { mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlite } from '#adapters/sqlite';
import { newEvents } from '../contracts/log-event.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cognisync-file-'));
  file = join(folder, 'log.sqlite');
});
afterEach(() => rm(folder, { recursive: true }));

/** A closed log with so many events, ten a stream, of about 500 bytes. */
async function writeLog(events = 10): Promise<void> {
  const { log } = await openSqlite(file);
  for (let stream = 0; stream < events / 10; stream++) {
    const data = { text: 'x'.repeat(400) };
    await log.append(`entity-acme/${stream}`, newEvents(10, { data }), 'no_stream');
  }
  await log.close();
}

function withDatabase<T>(work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(file);
  try {
    return work(db);
  } finally {
    db.close();
  }
}

async function refusal(): Promise<unknown> {
  return openSqlite(file).then(
    async ({ log }) => {
      await log.close();
      return 'opened';
    },
    (error) => error,
  );
}

const corrupt = { code: 'DATA_CORRUPT', message: expect.stringContaining('backup') };

describe('the file', () => {
  it('carries the marks of its format and leaves no journal behind when closed', async () => {
    await writeLog();
    const marks = withDatabase((db) => [
      db.prepare('PRAGMA application_id').get(),
      db.prepare('PRAGMA user_version').get(),
      db.prepare('PRAGMA integrity_check').get(),
    ]);
    expect(marks).toEqual([
      { application_id: Buffer.from('CoSy').readUInt32BE() },
      { user_version: 1 },
      { integrity_check: 'ok' },
    ]);
    await expect(stat(`${file}-wal`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each(['stream', 'kind', 'event'])('refuses to change or remove any %s', async (table) => {
    await writeLog();
    withDatabase((db) => {
      const column = table === 'event' ? 'data' : table === 'kind' ? 'type' : 'name';
      const refused = /append-only/;
      expect(() => db.exec(`UPDATE ${table} SET ${column} = '{}'`)).toThrow(refused);
      expect(() => db.exec(`DELETE FROM ${table}`)).toThrow(refused);
    });
    const { log } = await openSqlite(file);
    expect(await log.readStream('entity-acme/0')).toHaveLength(10);
    await log.close();
  });

  it('shows its events to a person with a shell', async () => {
    await writeLog();
    const row = withDatabase((db) => db.prepare('SELECT * FROM record WHERE position = 3').get());
    expect(row).toMatchObject({ stream: 'entity-acme/0', revision: 2, type: 'Noted' });
  });
});

describe('opening', () => {
  it('makes one log where several start at once on a new file', async () => {
    const opened = await Promise.all(Array.from({ length: 6 }, () => openSqlite(file)));
    await Promise.all(opened.map(({ log }, at) => log.append(`a-b/${at}`, newEvents(1), 'any')));
    expect(await opened[0]!.log.readAll({ after: 0, limit: 10 })).toHaveLength(6);
    await Promise.all(opened.map(({ log }) => log.close()));
  });

  it('refuses a newer format, and says which', async () => {
    await writeLog();
    withDatabase((db) => db.exec('PRAGMA user_version = 99'));
    expect(await refusal()).toMatchObject({
      code: 'DATA_FORMAT_NEWER',
      message: expect.stringContaining('99'),
    });
  });

  it('refuses a folder that is not there as unavailable', async () => {
    file = join(folder, 'nowhere', 'log.sqlite');
    expect(await refusal()).toMatchObject({
      code: 'LOG_UNAVAILABLE',
      message: expect.stringContaining(file),
    });
  });

  it.each<[string, () => Promise<void> | void]>([
    ['a text', () => writeFile(file, 'Dear diary')],
    ['a blob', () => writeFile(file, Buffer.alloc(100_000, 7))],
    ['a database of somebody else', () => withDatabase((db) => db.exec('CREATE TABLE theirs (x)'))],
    [
      'an empty database with a mark of somebody else',
      () => withDatabase((db) => db.exec('PRAGMA application_id = 252006675')),
    ],
  ])('refuses %s and leaves it as it is', async (_, prepare) => {
    await prepare();
    const before = await readFile(file);
    expect(await refusal()).toMatchObject(corrupt);
    expect(await readFile(file)).toEqual(before);
  });

  it.each([
    ['its first page', 8192],
    ['half of it', 0.5],
    ['all but a page', -8192],
    ['all but a byte', -1],
    ['a few bytes', 50],
  ])('refuses a log of which only %s is left', async (_, kept) => {
    await writeLog(200);
    const { size } = await stat(file);
    await truncate(file, kept < 0 ? size + kept : kept < 1 ? size * kept : kept);
    expect(await refusal()).toMatchObject(corrupt);
  });

  it.each(['missing', 'empty'])('refuses a journal whose log is %s', async (how) => {
    const { log } = await openSqlite(file);
    await log.append('entity-acme/1', newEvents(1), 'no_stream');
    const journal = await readFile(`${file}-wal`);
    await log.close();
    if (how === 'missing') await rm(file);
    else await truncate(file);
    await writeFile(`${file}-wal`, journal);

    expect(await refusal()).toMatchObject(corrupt);
    expect(await readFile(`${file}-wal`)).toEqual(journal);
  });
});

describe('damage that is met later', () => {
  it('in a page is told as such, and what is sound can still be read', async () => {
    await writeLog(2_000);
    const page = withDatabase(
      (db) =>
        db
          .prepare(
            "SELECT pageno FROM dbstat WHERE name = 'event' AND pagetype = 'leaf' LIMIT 1 OFFSET 9",
          )
          .get()!.pageno as number,
    );
    const handle = await open(file, 'r+');
    await handle.write(Buffer.alloc(8192), 0, 8192, (page - 1) * 8192);
    await handle.close();

    const { log } = await openSqlite(file);
    await expect(log.readAll({ after: 0, limit: 2_000 })).rejects.toMatchObject(corrupt);
    const { signal } = new AbortController();
    await expect(
      log.subscribe({ after: 0, signal })[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject(corrupt);
    expect(await log.readStream('entity-acme/0')).toHaveLength(10);
    await log.close();
  });

  it.each([
    ['JSON', 'event', "UPDATE event SET data = '{' WHERE position = 1"],
    ['stream', 'stream', 'PRAGMA foreign_keys = OFF; DELETE FROM stream WHERE id = 1'],
    ['kind', 'kind', 'PRAGMA foreign_keys = OFF; DELETE FROM kind'],
  ])('in an event (its %s) is told as such', async (_, table, damage) => {
    await writeLog();
    withDatabase((db) =>
      db.exec(`DROP TRIGGER ${table}_update; DROP TRIGGER ${table}_delete; ${damage}`),
    );
    const { log } = await openSqlite(file);
    await expect(log.readAll({ after: 0, limit: 1 })).rejects.toMatchObject(corrupt);
    await log.close();
  });

  it('in a snapshot is told as such', async () => {
    const { log, snapshots } = await openSqlite(file);
    await snapshots.save('entity-acme/1', { revision: 1, machineVersion: 1, state: {} });
    withDatabase((db) => db.exec("UPDATE snapshot SET state = '{'"));
    await expect(snapshots.load('entity-acme/1')).rejects.toMatchObject(corrupt);
    await log.close();
  });
});
