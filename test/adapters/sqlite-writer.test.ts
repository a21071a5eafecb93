/** The writer of the embedded log: groups, a full disk, and the death of its thread. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlite } from '#adapters/sqlite';
import { type Log, limits, type NewEvent } from '#runtime';
import { failureOf } from '../../adapters/sqlite/failure.ts';
import { openForWriting } from '../../adapters/sqlite/format.ts';
import { GroupCommit, type WriteRequest } from '../../adapters/sqlite/group.ts';
import { idsOf, newEvent, newEvents, newStream } from '../contracts/log-event.ts';

let folder: string;
let file: string;
/** Threads that were started since the test began. */
let threads: Worker[];
const onWorker = (worker: Worker) => {
  threads.push(worker);
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cognisync-writer-'));
  file = join(folder, 'log.sqlite');
  threads = [];
  process.on('worker', onWorker);
});
afterEach(async () => {
  process.off('worker', onWorker);
  await rm(folder, { recursive: true });
});

async function withLog(work: (log: Log) => Promise<void>): Promise<void> {
  const { log } = await openSqlite(file);
  try {
    await work(log);
  } finally {
    await log.close();
  }
}

const requestOf = (type = 'Noted', chars = 100, schemaVersion = 1): WriteRequest => ({
  stream: newStream(),
  category: 'entity',
  expected: 'no_stream',
  events: [
    {
      id: crypto.randomUUID(),
      type,
      schemaVersion,
      data: JSON.stringify('x'.repeat(chars)),
      metadata: '{}',
    },
  ],
});

describe('the writer', () => {
  it('makes every commit wait for its fsync', () => {
    const db = openForWriting(file, 100);
    expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    db.close();
  });

  it('answers all of more appends than may wait at once, and one larger than a group', () =>
    withLog(async (log) => {
      const large = newEvents(limits.groupCommitEventsMax + 10);
      const results = await Promise.all([
        log.append(newStream(), large, 'no_stream'),
        ...Array.from({ length: limits.appendQueueMax + 1_000 }, () =>
          log.append(newStream(), newEvents(1), 'no_stream'),
        ),
      ]);
      expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(['appended']));
      const events = await log.readAll({ after: 0, limit: 50_000 });
      expect(events).toHaveLength(results.length - 1 + large.length);
    }));

  it('takes many events of a megabyte at once', () =>
    withLog(async (log) => {
      const data = { text: 'x'.repeat(1024 * 1024) };
      const stream = newStream();
      const results = await Promise.all(
        Array.from({ length: 24 }, () => log.append(stream, [newEvent({ data })], 'any')),
      );
      expect(results.map(({ kind }) => kind)).toEqual(Array(24).fill('appended'));
      const { signal } = new AbortController();
      const sizes: number[] = [];
      for await (const { events, live } of log.subscribe({ after: 0, signal })) {
        sizes.push(events.length);
        if (live) break;
      }
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(24);
      expect(Math.max(...sizes) * data.text.length).toBeLessThan(
        limits.subscriptionBatchCharsMax + 2 * data.text.length,
      );
    }));

  it('whose thread dies fails what waits, and goes on with another when asked again', () =>
    withLog(async (log) => {
      const calls = Array.from({ length: 1_000 }, () => [newStream(), newEvents(2)] as const);
      const append = ([stream, events]: readonly [string, readonly NewEvent[]]) =>
        log.append(stream, events, 'no_stream');
      for (let death = 0; death < 3; death++) {
        const outcomes = Promise.allSettled(calls.map(append));
        await threads.at(-1)!.terminate();
        const failed = (await outcomes).filter((outcome) => outcome.status === 'rejected');
        for (const { reason } of failed) expect(reason).toMatchObject({ code: 'LOG_UNAVAILABLE' });
      }
      const kinds = new Set((await Promise.all(calls.map(append))).map(({ kind }) => kind));
      expect([...kinds].filter((kind) => kind === 'conflict')).toEqual([]);
      const events = await log.readAll({ after: 0, limit: 5_000 });
      expect(new Set(idsOf(events))).toEqual(new Set(calls.flatMap(([, of]) => idsOf(of))));
      expect(events).toHaveLength(2_000);
    }));

  it('whose thread dies while nothing waits takes the next append with another', () =>
    withLog(async (log) => {
      await threads[0]!.terminate();
      expect(await log.append('a-b/c', newEvents(1), 'any')).toMatchObject({ kind: 'appended' });
      expect(threads).toHaveLength(2);
    }));

  it('gives nobody the answer to what was lost', () =>
    withLog(async (log) => {
      const lost: Promise<unknown>[] = [];
      // In the moment between the death and the writer's hearing of it.
      threads[0]!.prependListener('exit', () => {
        lost.push(log.append(newStream(), newEvents(5), 'no_stream'));
      });
      await threads[0]!.terminate();
      await expect(lost[0]).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
      const result = await log.append(newStream(), newEvents(1), 'no_stream');
      expect(result).toMatchObject({ kind: 'appended', revision: 0 });
      expect(await log.head()).toBe(1);
    }));

  it('finishes what was accepted, though the process is too busy to say so', async () => {
    const { log } = await openSqlite(file);
    const accepted = log.append('a-b/c', newEvents(1), 'any');
    const closed = log.close();
    const busy = new Int32Array(new SharedArrayBuffer(4));
    Atomics.wait(busy, 0, 0, 100);
    expect(await accepted).toMatchObject({ kind: 'appended' });
    await closed;
  });

  it('closes though its thread dies at that moment', async () => {
    const { log } = await openSqlite(file);
    const appended = Promise.allSettled([log.append('a-b/c', newEvents(1), 'any')]);
    const closed = log.close();
    await threads[0]!.terminate();
    await Promise.all([closed, appended]);
  });

  it('that may not open the file again says why to those who wait', async () => {
    const { log } = await openSqlite(file);
    await threads[0]!.terminate();
    const db = new DatabaseSync(file);
    db.exec('PRAGMA user_version = 99');
    db.close();
    const append = log.append('a-b/c', newEvents(1), 'any');
    await expect(append).rejects.toMatchObject({ code: 'DATA_FORMAT_NEWER' });
    await log.close();
  });

  it('leaves nothing running when closed', async () => {
    const script = `
      import { openSqlite } from '#adapters/sqlite';
      const { log } = await openSqlite(${JSON.stringify(file)});
      const abort = new AbortController();
      const batches = log.subscribe({ after: 0, signal: abort.signal });
      await batches.next();
      setTimeout(() => abort.abort(), 60);
      await batches.next();
      await log.close();`;
    const child = spawn(process.execPath, ['-e', script], {
      cwd: join(import.meta.dirname, '../..'),
      stdio: 'inherit',
      timeout: 20_000,
    });
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('fails a group for want of room as a whole, and goes on when there is some', () => {
    const db = openForWriting(file, 100);
    const group = new GroupCommit(db);
    group.commit([requestOf()]);
    const { page_count: pages } = db.prepare('PRAGMA page_count').get() as { page_count: number };
    db.exec(`PRAGMA max_page_count = ${pages + 8}`);
    const large = [requestOf('New'), requestOf('New', 200_000), requestOf()];
    const failure = thrownBy(() => group.commit(large));
    expect(failureOf(failure, file)).toMatchObject({ code: 'LOG_FULL' });
    const count = db.prepare('SELECT count(*) AS events FROM event');
    expect(count.get()).toEqual({ events: 1 });
    expect(group.commit([requestOf('New')])).toMatchObject([{ kind: 'appended', position: 2 }]);

    db.exec('PRAGMA max_page_count = 1000000');
    expect(group.commit(large)).toHaveLength(3);
    expect(count.get()).toEqual({ events: 5 });
    db.close();
  });

  it('leaves no half of a group behind, whatever it failed for', () => {
    const db = openForWriting(file, 100);
    const group = new GroupCommit(db);
    const [good, odd] = [requestOf(), requestOf('Odd', 100, 1.5)];
    expect(() => group.commit([good, odd])).toThrow(/REAL value in INTEGER/);
    expect(group.commit([good])).toMatchObject([{ kind: 'appended', position: 1 }]);
    db.close();
  });

  it('gives up on a lock after its time, reads meanwhile, and writes when it is free', async () => {
    const db = openForWriting(file, 20);
    const group = new GroupCommit(db);
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    const failure = thrownBy(() => group.commit([requestOf()]));
    expect(failureOf(failure, file)).toMatchObject({ code: 'LOG_UNAVAILABLE' });
    expect(db.prepare('SELECT count(*) AS events FROM event').get()).toEqual({ events: 0 });
    other.exec('ROLLBACK');
    expect(group.commit([requestOf()])).toMatchObject([{ kind: 'appended' }]);
    other.close();
    db.close();
  });

  it('ends its thread over what is no failure of SQLite, so that it is heard of', () =>
    withLog(async (log) => {
      const odd = newEvent({ schemaVersion: 1.5 });
      await expect(log.append('a-b/c', [odd], 'any')).rejects.toMatchObject({
        code: 'LOG_UNAVAILABLE',
        message: expect.stringContaining('REAL value in INTEGER'),
      });
      expect(await log.append('a-b/c', newEvents(1), 'any')).toMatchObject({ kind: 'appended' });
    }));
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
}
