/** Several that have one log open, as the processes of one machine do. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlite } from '#adapters/sqlite';
import type { Log } from '#runtime';
import {
  eventsOf,
  follow,
  idsOf,
  newEvents,
  newStream,
  revisionsOf,
} from '../contracts/log-event.ts';

let folder: string;
let file: string;
let logs: readonly Log[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cognisync-processes-'));
  file = join(folder, 'log.sqlite');
  logs = await Promise.all([0, 1, 2].map(async () => (await openSqlite(file)).log));
});
afterEach(async () => {
  await Promise.all(logs.map((log) => log.close()));
  await rm(folder, { recursive: true });
});

describe('several processes', () => {
  it('race for a stream, and each revision has one winner', async () => {
    const stream = newStream();
    let conflicts = 0;
    const appendFifty = async (log: Log) => {
      for (let won = 0; won < 50; ) {
        const [last] = await log.readStream(stream, { direction: 'backward', limit: 1 });
        const expected = last === undefined ? 'no_stream' : last.revision;
        const result = await log.append(stream, newEvents(1), expected);
        if (result.kind === 'appended') won += 1;
        else conflicts += 1;
      }
    };
    await Promise.all(logs.map(appendFifty));
    const revisions = revisionsOf(await logs[0]!.readStream(stream));
    expect(revisions).toEqual(Array.from({ length: 150 }, (_, at) => at));
    expect(conflicts).toBeGreaterThan(0);
  });

  it('each see the appends of the others in one order, as they come', async () => {
    const following = logs.map((log) =>
      follow(log, {}, (batches) => eventsOf(batches).length >= 300),
    );
    const appending = logs.map(async (log) => {
      for (let at = 0; at < 50; at++) await log.append(newStream(), newEvents(2), 'no_stream');
    });
    const [first, ...others] = (await Promise.all(following)).map((seen) => idsOf(eventsOf(seen)));
    await Promise.all(appending);
    expect(new Set(first).size).toBe(300);
    for (const other of others) expect(other).toEqual(first);
  });

  it('wake a subscriber that waits, and only there is looked for', async () => {
    const abort = new AbortController();
    const { signal } = abort;
    const batches = logs[0]!.subscribe({ after: 0, signal })[Symbol.asyncIterator]();
    expect((await batches.next()).value).toMatchObject({ live: true, events: [] });
    const timers = () => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
    const before = timers();
    const next = batches.next();
    const events = newEvents(1);
    await Promise.resolve();
    expect(timers()).toBe(before + 1);
    await logs[1]!.append(newStream(), events, 'no_stream');
    expect(idsOf((await next).value!.events)).toEqual(idsOf(events));
    expect(timers()).toBe(before);
    abort.abort();
  });

  it('recognise a repeat of what another one appended', async () => {
    const stream = newStream();
    const events = newEvents(3);
    const first = await logs[0]!.append(stream, events, 'no_stream');
    const again = await logs[1]!.append(stream, events, 'no_stream');
    expect(again).toEqual({ ...first, kind: 'duplicate' });
  });

  it('wait for one that holds the file, and read meanwhile', async () => {
    await logs[0]!.append('a-b/c', newEvents(1), 'any');
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    let isAppended = false;
    const append = logs[0]!.append('a-b/c', newEvents(1), 'any').then(() => {
      isAppended = true;
    });
    expect(await logs[0]!.readStream('a-b/c')).toHaveLength(1);
    expect(isAppended).toBe(false);
    other.exec('ROLLBACK');
    other.close();
    await append;
    expect(await logs[1]!.readStream('a-b/c')).toHaveLength(2);
  });
});
