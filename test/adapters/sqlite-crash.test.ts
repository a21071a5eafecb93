/** What was acked survives `kill -9` and a full disk; what was not is there as a whole or not at all. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openSqlite } from '#adapters/sqlite';
import type { RecordedEvent } from '#runtime';
import { eventsOf, follow, newEvents } from '../contracts/log-event.ts';

const appender = join(import.meta.dirname, 'sqlite-appender.ts');

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cognisync-crash-'));
  file = join(folder, 'log.sqlite');
});
afterEach(() => rm(folder, { recursive: true }));

/** Lines that a child prints until it ends; `onLine` may kill it. */
async function linesOf(child: ChildProcess, onLine: (count: number) => void): Promise<string[]> {
  const lines: string[] = [];
  const ended = new Promise((resolve) => child.once('close', resolve));
  for await (const line of createInterface({ input: child.stdout! })) {
    lines.push(line);
    onLine(lines.length);
  }
  await ended;
  return lines;
}

/** What processes acked until each was killed, all at once, after so many lines of each. */
async function ackedUntilKilled(names: readonly string[], lines: number): Promise<string[]> {
  const children = names.map((name) =>
    spawn(process.execPath, [appender, file, name], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 30_000,
    }),
  );
  const counts = children.map(() => 0);
  const told = await Promise.all(
    children.map((child, at) =>
      linesOf(child, (count) => {
        counts[at] = count;
        // A busy machine starts one long before the other.
        if (Math.min(...counts) < lines) return;
        for (const one of children) one.kill('SIGKILL');
      }),
    ),
  );
  // The last line of each may be cut by its death.
  return told.flatMap((one) => one.slice(0, -1));
}

/** Everything in the file, after it was checked that streams have no holes and appends are whole. */
async function readSound(): Promise<readonly RecordedEvent[]> {
  const { log } = await openSqlite(file);
  const events = eventsOf(await follow(log));
  await log.close();
  const next = new Map<string, number>();
  const appends = new Map<string, number>();
  for (const { stream, revision, data } of events) {
    expect(revision).toBe(next.get(stream) ?? 0);
    next.set(stream, revision + 1);
    const { append, of } = data as { append: string; of: number };
    appends.set(append, (appends.get(append) ?? of) - 1);
  }
  expect([...appends.values()].every((missing) => missing === 0)).toBe(true);
  return events;
}

function expectAcked(events: readonly RecordedEvent[], acked: readonly string[]): void {
  const standing = new Map(events.map(({ stream, revision, id }) => [`${stream} ${revision}`, id]));
  for (const line of acked) {
    const [stream, last, ...ids] = line.split(' ') as [string, string, ...string[]];
    ids.forEach((id, at) => {
      const place = `${stream} ${Number(last) - ids.length + 1 + at}`;
      expect(standing.get(place), place).toBe(id);
    });
  }
}

it('keeps every acked event over kill -9 under load, five times over', async () => {
  const acked: string[] = [];
  for (const lines of [2, 60, 400, 800, 1_500]) {
    acked.push(...(await ackedUntilKilled(['one'], lines)));
    expectAcked(await readSound(), acked);
  }
  expect(acked.length).toBeGreaterThan(2_500);
});

it('keeps every acked event of two writers on one file that die together', async () => {
  const acked: string[] = [];
  for (const lines of [40, 400, 800]) {
    acked.push(...(await ackedUntilKilled(['one', 'two'], lines)));
    expectAcked(await readSound(), acked);
  }
  expect(new Set(acked.map((line) => line.split(' ')[0])).size).toBe(79);
});

it('answers LOG_FULL where the file may not grow, and still reads', async () => {
  // A limit on file sizes (in blocks of 512 bytes or 1 KiB) stands for a full disk.
  const limited = `ulimit -f 3000; exec "$0" "$@"`;
  const child = spawn('sh', ['-c', limited, process.execPath, appender, file, 'one'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 30_000,
  });
  const lines = await linesOf(child, () => undefined);
  const acked = lines.filter((line) => line.startsWith('entity-'));
  expect(acked.length).toBeGreaterThan(100);
  expect(lines.filter((line) => line.startsWith('!'))).toEqual(Array(40).fill('! LOG_FULL'));
  const shared = acked.filter((line) => line.startsWith('entity-acme/shared'));
  expect(lines.at(-1)).toBe(`= entity-acme/shared ${shared.length}`);

  expectAcked(await readSound(), acked);
  const { log } = await openSqlite(file);
  expect(await log.append('entity-acme/new', newEvents(1), 'no_stream')).toMatchObject({
    kind: 'appended',
  });
  await log.close();
});
