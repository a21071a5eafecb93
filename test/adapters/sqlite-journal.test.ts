/** The journal beside the log stays short, whoever reads. */
import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { WriteRequest } from '../../adapters/sqlite/group.ts';
import type { WriterAnswer, WriterCall, WriterData } from '../../adapters/sqlite/writer-thread.ts';
import { newStream } from '../contracts/log-event.ts';

const journalBytes = 256 * 1024;

let folder: string;
let file: string;
let writer: Worker;
/** The largest that the journal has been. */
let grownTo: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cognisync-journal-'));
  file = join(folder, 'log.sqlite');
  grownTo = 0;
  const workerData: WriterData = {
    file,
    lockMs: 1_000,
    journalBytes,
    groupEventsMax: 100,
    groupCharsMax: 1_000_000,
  };
  const url = new URL('../../adapters/sqlite/writer-thread.ts', import.meta.url);
  writer = new Worker(url, { workerData });
  expect(await answer()).toEqual({ kind: 'opened' });
});
afterEach(async () => {
  const ended = new Promise((resolve) => writer.once('exit', resolve));
  writer.postMessage('close' satisfies WriterCall);
  await ended;
  await rm(folder, { recursive: true });
});

function answer(): Promise<WriterAnswer> {
  return new Promise((resolve) => writer.once('message', resolve));
}

const journalSize = () => statSync(`${file}-wal`).size;

/** Commits 32 events, which come to some 256 KiB of pages. */
async function commit(): Promise<void> {
  const request = (): WriteRequest => ({
    stream: newStream(),
    category: 'entity',
    expected: 'no_stream',
    events: [{ id: '', type: 'Noted', schemaVersion: 1, data: '1'.repeat(800), metadata: '{}' }],
  });
  const calls: WriterCall = Array.from({ length: 32 }, request);
  writer.postMessage(calls);
  expect(await answer()).toMatchObject({ kind: 'answered' });
  grownTo = Math.max(grownTo, journalSize());
}

function reader(): { begin: () => void; end: () => void; close: () => void } {
  const db = new DatabaseSync(file, { readOnly: true });
  return {
    begin: () => db.exec('BEGIN; SELECT count(*) FROM stream'),
    end: () => db.exec('COMMIT'),
    close: () => db.close(),
  };
}

it('starts over when it is full', async () => {
  for (let commits = 0; commits < 100; commits++) await commit();
  expect(grownTo).toBeGreaterThan(journalBytes);
  expect(grownTo).toBeLessThan(journalBytes * 3);
});

it('is cut off when it has grown to four times that while there is always a reader', async () => {
  const readers = [reader(), reader()];
  readers[0]!.begin();
  let turn = 0;
  const relay = setInterval(() => {
    turn += 1;
    readers[turn % 2]!.begin();
    readers[(turn + 1) % 2]!.end();
  }, 3);
  for (let commits = 0; commits < 200; commits++) await commit();
  clearInterval(relay);
  for (const one of readers) one.close();
  // Of a hundred times that size in all; a slow machine may miss the moment some times.
  expect(grownTo).toBeGreaterThan(journalBytes * 3);
  expect(grownTo).toBeLessThan(journalBytes * 30);
});

it('grows under a reader that stays, and gives it back when that one leaves', async () => {
  const staying = reader();
  staying.begin();
  for (let commits = 0; commits < 100; commits++) await commit();
  expect(grownTo).toBeGreaterThan(journalBytes * 30);
  staying.close();
  for (let commits = 0; commits < 20; commits++) await commit();
  expect(journalSize()).toBeLessThan(journalBytes * 4);
});
