/**
 * From a command's bytes to its fsynced event: 100,000 entities, one command each, through contract,
 * actor and log. Beside it, with the same rows, tables and durability, in groups of 256 on one thread:
 *  - rows alone: `node:sqlite` inserts what nobody asks anything about;
 *  - a bare log: the embedded log's own group commit, which finds the stream, checks the expected
 *    revision and recognises a repeat.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { onTheBus } from '#test/messages';
import { openForWriting } from '../../adapters/sqlite/format.ts';
import { type AppendRequest, GroupCommit } from '../../adapters/sqlite/group.ts';
import { type Benchmark, percentile } from './report.ts';
import { command, drive, inFolder, openRig } from './rig.ts';

const count = 100_000;
const concurrent = 2_048;
const bareGroup = 256;

export const ingest: Benchmark = async (say) => {
  const messages = Array.from({ length: count }, (_, index) => onTheBus(command(index)));
  const bytes = messages.reduce((sum, { body }) => sum + body.length, 0) / count;
  say(`${count} commands of ${bytes.toFixed(0)} bytes, ${concurrent} under way`);

  return inFolder(async (folder) => {
    const rig = await openRig(folder);
    // The first thousands warm the machine up and are not counted.
    await drive(
      rig,
      Array.from({ length: 10_000 }, (_, n) => onTheBus(command(-1 - n))),
      concurrent,
    );
    const cpu = process.cpuUsage();
    const start = performance.now();
    const times = await drive(rig, messages, concurrent);
    const seconds = (performance.now() - start) / 1000;
    const used = process.cpuUsage(cpu);
    await rig.close();

    const single = await openRig(join(folder));
    const alone = await drive(
      single,
      Array.from({ length: 1_000 }, (_, n) => onTheBus(command(count + n))),
      1,
    );
    await single.close();

    const rate = count / seconds;
    const source = join(folder, 'log.sqlite');
    const rows = rowsRate(source, join(folder, 'rows.sqlite'));
    const bareLog = bareLogRate(source, join(folder, 'bare.sqlite'));
    return [
      { label: 'commands (ratio to a bare log)', unit: '/s', value: rate, ratio: rate / bareLog },
      {
        label: 'bare log (ratio to rows alone)',
        unit: '/s',
        value: bareLog,
        ratio: bareLog / rows,
      },
      { label: 'rows alone in node:sqlite', unit: '/s', value: rows },
      { label: 'p50, saturated', unit: 'ms', value: percentile(times, 0.5) },
      { label: 'p99, saturated', unit: 'ms', value: percentile(times, 0.99) },
      { label: 'p50, one at a time', unit: 'ms', value: percentile(alone, 0.5) },
      { label: 'p99, one at a time', unit: 'ms', value: percentile(alone, 0.99) },
      {
        label: 'CPU a command, all threads',
        unit: 'µs',
        value: (used.user + used.system) / count,
      },
    ];
  });
};

/** Events a second that the log's group commit takes, on this thread, from events made before. */
function bareLogRate(source: string, target: string): number {
  const from = new DatabaseSync(source, { readOnly: true });
  const requests = from
    .prepare(`SELECT stream, id, type, schema_version AS "schemaVersion", data, metadata
              FROM record WHERE revision = 0 LIMIT ${count}`)
    .all()
    .map(({ stream, ...event }) => ({
      stream,
      category: 'entity',
      expected: 'no_stream',
      events: [event],
    })) as unknown as AppendRequest[];
  from.close();
  const to = openForWriting(target, 1_000);
  const group = new GroupCommit(to);
  const start = performance.now();
  for (let at = 0; at < count; at += bareGroup) group.commit(requests.slice(at, at + bareGroup));
  const seconds = (performance.now() - start) / 1000;
  to.close();
  return count / seconds;
}

/** Rows a second that `node:sqlite` alone inserts. */
function rowsRate(source: string, target: string): number {
  const from = new DatabaseSync(source, { readOnly: true });
  const to = new DatabaseSync(target);
  const page = from.prepare('PRAGMA page_size').get() as { page_size: number };
  to.exec(`PRAGMA page_size = ${page.page_size}; PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL; PRAGMA cache_size = -65536`);
  const schema = from.prepare(`SELECT sql FROM sqlite_schema WHERE type = 'table'`).all();
  for (const { sql } of schema) to.exec(sql as string);
  const copyOf = (name: string, limit: number) => {
    const statement = from.prepare(`SELECT * FROM ${name} LIMIT ${limit}`);
    statement.setReturnArrays(true);
    return statement.all() as unknown as (string | number)[][];
  };
  const streams = copyOf('stream', count);
  const events = copyOf('event', count);
  for (const row of copyOf('kind', 1_000)) {
    to.prepare('INSERT INTO kind VALUES (?, ?, ?)').run(...row);
  }
  const addStream = to.prepare('INSERT INTO stream VALUES (?, ?)');
  const addEvent = to.prepare('INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const start = performance.now();
  for (let at = 0; at < count; at += bareGroup) {
    to.exec('BEGIN IMMEDIATE');
    for (let one = at; one < Math.min(count, at + bareGroup); one++) {
      addStream.run(...streams[one]!);
      addEvent.run(...events[one]!);
    }
    to.exec('COMMIT');
  }
  const seconds = (performance.now() - start) / 1000;
  to.close();
  from.close();
  return count / seconds;
}
