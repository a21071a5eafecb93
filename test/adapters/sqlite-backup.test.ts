/** A copy of a log in use, what an inspection finds in one, and how one takes a log's place. */
import { spawn } from 'node:child_process';
import { copyFile, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  copySqlite,
  endOfUnused,
  exchange,
  holds,
  inspectSqlite,
  openSqlite,
  sealSqlite,
  unsealSqlite,
} from '#adapters/sqlite';
import type { Log } from '#runtime';
import { Chance } from '#test/chance';
import { allOf, growByChance } from '#test/history';
import { temporaryFolder } from '#test/served';
import { newEvents } from '../contracts/log-event.ts';

let folder: string;
let file: string;
let copy: string;
let log: Log;

beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder, 'log.sqlite');
  copy = join(folder, 'copy.sqlite');
  log = (await openSqlite(file)).log;
});
afterEach(async () => {
  await log.close();
  await rm(folder, { recursive: true });
});

const inspect = (path: string) =>
  inspectSqlite(path, { repeating: ['deadletter'], onProgress: () => undefined });

async function sealedCopy(appends = 200): Promise<void> {
  await growByChance(log, appends, new Chance(11));
  await copySqlite(file, copy);
  sealSqlite(copy, await inspect(copy));
}

describe('a copy', () => {
  it('holds everything that was acked before it, though others append all the while', async () => {
    const appender = join(import.meta.dirname, 'sqlite-appender.ts');
    const child = spawn(process.execPath, [appender, file, 'one'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const acked: string[] = [];
    const rounds = [400, 1_200, 2_400];
    for await (const line of createInterface({ input: child.stdout })) {
      acked.push(line);
      if (acked.length !== rounds[0]) continue;
      rounds.shift();
      const before = [...acked];
      const path = join(folder, `copy-${acked.length}.sqlite`);
      await copySqlite(file, path);
      const { faults, events } = await inspect(path);
      expect(faults).toEqual([]);
      const opened = await openSqlite(path);
      const there = new Set((await allOf(opened.log)).map(({ id }) => id));
      await opened.log.close();
      expect(there.size).toBe(events);
      const ids = before.flatMap((one) => one.split(' ').slice(2));
      expect(ids.filter((id) => !there.has(id))).toEqual([]);
      if (rounds.length === 0) child.kill('SIGKILL');
    }
    expect(rounds).toEqual([]);
  });

  it('is the same log, and goes on as one', async () => {
    await sealedCopy();
    unsealSqlite(copy);
    const opened = await openSqlite(copy);
    expect(await allOf(opened.log)).toEqual(await allOf(log));
    await opened.log.append('entity-acme/new', newEvents(1), 'no_stream');
    expect(await opened.log.head()).toBe((await log.head()) + 1);
    await opened.log.close();
    expect((await inspect(copy)).faults).toEqual([]);
  });

  it('of no log, or of something else, is refused', async () => {
    await expect(copySqlite(join(folder, 'none'), copy)).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
    });
    await writeFile(join(folder, 'text'), 'no database'.repeat(1_000));
    await expect(copySqlite(join(folder, 'text'), copy)).rejects.toMatchObject({
      code: 'DATA_CORRUPT',
    });
  });
});

describe('an inspection', () => {
  it('tells head, number and digest, which are those of the log', async () => {
    await sealedCopy();
    const events = await allOf(log);
    expect(await inspect(copy)).toMatchObject({
      head: events.at(-1)!.position,
      events: events.length,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      faults: [],
    });
  });

  it('refuses a copy that is torn, wherever it is', async () => {
    await sealedCopy(2_000);
    const { length } = await readFile(copy);
    const torn = join(folder, 'torn.sqlite');
    for (const bytes of [0, 10, 100, 8_192, 8_192 * 3, length - 8_192, length - 100]) {
      await copyFile(copy, torn);
      await truncate(torn, bytes);
      const faults = await inspect(torn).then(
        (inspection) => inspection.faults,
        (thrown) => [thrown.code],
      );
      expect(faults, `${bytes} of ${length} bytes`).not.toEqual([]);
    }
  });

  it('finds a single bit that flipped, also inside a text', async () => {
    await log.append('entity-acme/1', newEvents(1, { data: 'unmistakable' }), 'any');
    await sealedCopy(5);
    const bytes = await readFile(copy);
    const at = bytes.indexOf('unmistakable');
    bytes[at + 3] = bytes[at + 3]! ^ 1;
    await writeFile(copy, bytes);
    const { faults } = await inspect(copy);
    expect(faults).toEqual([expect.stringContaining('and was made with')]);
  });

  it.each([
    [
      'an event is missing',
      'DELETE FROM event WHERE position = 20',
      /has \d+ events with revisions/,
    ],
    [
      'an event is there twice',
      "UPDATE event SET id = 'same' WHERE kind IN (SELECT id FROM kind WHERE category = 'entity')",
      /the event same is there \d+ times/,
    ],
    [
      'an event is no JSON',
      `UPDATE event SET data = '{' WHERE position = 9`,
      /position 9 can't be read/,
    ],
    ['a stream is lost', 'DELETE FROM stream WHERE id = 2', /can't be read: it has no stream/],
    ['it is a newer format', 'PRAGMA user_version = 99', /format 99/],
    ['it is no log', 'PRAGMA application_id = 1', /no log of CogniSync/],
  ])('finds out where %s', async (_, damage, told) => {
    await growByChance(log, 40, new Chance(3));
    await copySqlite(file, copy);
    const db = new DatabaseSync(copy, { enableForeignKeyConstraints: false });
    for (const name of ['event_delete', 'event_update', 'stream_delete']) {
      db.exec(`DROP TRIGGER ${name}`);
    }
    db.exec(damage);
    db.close();
    const found = await inspect(copy).then(
      ({ faults }) => faults.join('; '),
      ({ message }) => message,
    );
    expect(found).toMatch(told);
  });

  it('knows that a dead letter may be kept twice, and an event of an entity may not', async () => {
    const [event] = newEvents(1);
    await log.append('deadletter-acme', [event!], 'any');
    await log.append('deadletter-acme', newEvents(1), 'any');
    await log.append('deadletter-acme', [event!], 'any');
    await copySqlite(file, copy);
    expect((await inspect(copy)).faults).toEqual([]);
    await log.append('entity-acme/1', [event!], 'any');
    await log.append('entity-acme/2', [event!], 'any');
    await rm(copy);
    await copySqlite(file, copy);
    expect((await inspect(copy)).faults).toEqual([`the event ${event!.id} is there 2 times`]);
  });

  it('refuses a file that is in use', async () => {
    await growByChance(log, 3, new Chance(1));
    await expect(inspect(file)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  });
});

describe('an exchange', () => {
  it('keeps the old log, and leaves none of its journal', async () => {
    await sealedCopy();
    const before = await allOf(log);
    await growByChance(log, 10, new Chance(4));
    const whole = await allOf(log);
    await log.close();
    expect(endOfUnused(file)).toMatchObject({ position: whole.at(-1)!.position });
    unsealSqlite(copy);
    const kept = exchange(copy, file);
    const [old, restored] = [await openSqlite(kept!), await openSqlite(file)];
    expect(await allOf(old.log)).toEqual(whole);
    expect(await allOf(restored.log)).toEqual(before);
    await old.log.close();
    await restored.log.close();
  });

  it('is refused while somebody has the log open', async () => {
    await growByChance(log, 3, new Chance(1));
    expect(() => endOfUnused(file)).toThrow(
      expect.objectContaining({ code: 'DATA_FOLDER_IN_USE' }),
    );
    await log.append('entity-acme/1', newEvents(1), 'any');
  });

  it('is known to lose something, or nothing', async () => {
    await sealedCopy();
    const last = await log.last();
    expect(holds(copy, last)).toBe(true);
    expect(holds(copy, null)).toBe(true);
    await growByChance(log, 1, new Chance(1));
    expect(holds(copy, await log.last())).toBe(false);
    expect(holds(copy, { ...last!, id: 'other' })).toBe(false);
  });

  it('has room for several old logs', async () => {
    await sealedCopy(3);
    await log.close();
    const names = [1, 2].map((at) => {
      const prepared = join(folder, `prepared-${at}`);
      const db = new DatabaseSync(copy);
      db.exec(`VACUUM INTO '${prepared}'`);
      db.close();
      return exchange(prepared, file);
    });
    expect(names).toEqual([`${file}.replaced-1`, `${file}.replaced-2`]);
  });
});
