/**
 * A copy of the embedded log, read from end to end: what it holds, and what is wrong with it.
 *
 * SQLite has no checksums of its pages: a bit that flips inside a text leaves its structure sound. So the
 * history itself is read, and its digest compared with the one that the copy was sealed with (backup.ts).
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { eventText, RuntimeError } from '#runtime';
import { onFile } from './error.ts';
import { check, openUnchanging } from './format.ts';

/** What a log holds. Two with the same digest hold the same events in the same order. */
export interface LogFacts {
  /** Position of the last event; 0 where there is none. */
  readonly head: number;
  readonly events: number;
  /** SHA-256 of the `eventText` of every event, a line each. */
  readonly digest: string;
}

export interface Inspection extends LogFacts {
  readonly bytes: number;
  /** A sentence each; empty for a sound copy. At most a few of each kind. */
  readonly faults: readonly string[];
}

interface Options {
  /** Categories whose streams may hold the same event id again. */
  readonly repeating: readonly string[];
  /** How many events have been read. */
  readonly onProgress: (events: number, total: number) => void;
}

const faultsShown = 5;
const sliceEvents = 2_000;

/** Rejects with DATA_CORRUPT or DATA_FORMAT_NEWER for what can't be read as a log at all. */
export async function inspectSqlite(file: string, options: Options): Promise<Inspection> {
  const { size: bytes } = statSync(file);
  if ((statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    const message = `${file} has a journal beside it: it is in use, or was not copied as a backup is`;
    throw new RuntimeError('DATA_CORRUPT', message);
  }
  const db = onFile(file, () => openUnchanging(file));
  try {
    onFile(file, () => check(db, file));
    const faults = onFile(file, () => [...structureFaults(db), ...placeFaults(db, options)]);
    const facts = await readHistory(db, file, options.onProgress);
    faults.push(...onFile(file, () => sealFaults(db, facts)));
    return { ...facts, bytes, faults };
  } finally {
    db.close();
  }
}

function structureFaults(db: DatabaseSync): string[] {
  const rows = db.prepare(`PRAGMA integrity_check(${faultsShown})`).all();
  return rows.map((row) => String(row.integrity_check)).filter((told) => told !== 'ok');
}

function placeFaults(db: DatabaseSync, { repeating }: Options): string[] {
  const holes = db
    .prepare(
      `SELECT stream.name, count(*) AS events, min(revision) AS least, max(revision) AS most
       FROM event LEFT JOIN stream ON stream.id = event.stream GROUP BY event.stream
       HAVING least <> 0 OR most <> events - 1 LIMIT ${faultsShown}`,
    )
    .all();
  const twice = db
    .prepare(
      `SELECT event.id, count(*) AS times FROM event JOIN kind ON kind.id = event.kind
       WHERE kind.category NOT IN (SELECT value FROM json_each(?))
       GROUP BY event.id HAVING times > 1 LIMIT ${faultsShown}`,
    )
    .all(JSON.stringify(repeating));
  return [
    ...holes.map(
      ({ name, events, least, most }) =>
        `${name} has ${events} events with revisions from ${least} to ${most}`,
    ),
    ...twice.map(({ id, times }) => `the event ${id} is there ${times} times`),
  ];
}

/** Every event, in order. Throws DATA_CORRUPT for one that can't be read. */
async function readHistory(
  db: DatabaseSync,
  file: string,
  onProgress: Options['onProgress'],
): Promise<LogFacts> {
  const total = onFile(file, () => Number(db.prepare('SELECT count(*) AS n FROM event').get()!.n));
  const page = db.prepare(
    `SELECT position, stream, revision, type, schema_version AS schemaVersion, id, data, metadata
     FROM record WHERE position > ? ORDER BY position LIMIT ${sliceEvents}`,
  );
  const hash = createHash('sha256');
  let head = 0;
  let events = 0;
  for (;;) {
    const rows = onFile(file, () => page.all(head)) as unknown as readonly Row[];
    for (const row of rows) {
      hash.update(eventText(eventOf(row, file))).update('\n');
      head = row.position;
      events += 1;
    }
    onProgress(events, total);
    if (rows.length < sliceEvents) return { head, events, digest: hash.digest('hex') };
    await setImmediate();
  }
}

interface Row {
  readonly position: number;
  readonly stream: string | null;
  readonly revision: number;
  readonly type: string | null;
  readonly schemaVersion: number;
  readonly id: string;
  readonly data: string;
  readonly metadata: string;
}

function eventOf({ stream, type, data, metadata, ...row }: Row, file: string) {
  try {
    if (stream === null || type === null) throw new Error('it has no stream or no type');
    return { ...row, stream, type, data: JSON.parse(data), metadata: JSON.parse(metadata) };
  } catch (cause) {
    const how = (cause as Error).message;
    const message = `${file}: the event at position ${row.position} can't be read: ${how}`;
    throw new RuntimeError('DATA_CORRUPT', message, { cause });
  }
}

/** What it was sealed with and no longer holds; nothing where it was never sealed. */
function sealFaults(db: DatabaseSync, { head, events, digest }: LogFacts): string[] {
  const isSealed = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'backup'").get();
  if (isSealed === undefined) return [];
  const sealed = db.prepare('SELECT head, events, digest FROM backup').get();
  if (sealed?.head === head && sealed.events === events && sealed.digest === digest) return [];
  return [
    `it holds ${events} events up to ${head} with digest ${digest}, and was made with ` +
      `${sealed?.events} up to ${sealed?.head} with digest ${sealed?.digest}`,
  ];
}
