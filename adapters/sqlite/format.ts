/**
 * The file of the embedded log: its tables, its marks, and the check at every opening.
 *
 *     stream     id │ name                             a row for each stream
 *     kind       id │ category │ type                  a row for each pair that was ever written
 *     event      position │ stream │ revision │ kind │ schema_version │ id │ data │ metadata
 *     snapshot   stream │ revision │ machine_version │ state
 *     record     a view: events with their names, for reader.ts and for people with `sqlite3`
 *
 * Names stand once; an event carries small numbers, so that a filter is decided without touching JSON
 * and a stream is found by one narrow index. Event ids have no index: where a repeat would stand is
 * known from its stream and revision.
 *
 * F1: `position` is the order of commits, since SQLite has one writer at a time. F2: a stream's
 * revisions are 0, 1, 2 …; the index refuses a second. F3: streams, kinds and events are never changed
 * or removed; triggers refuse it.
 */
import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { Refusal } from './failure.ts';

/** `CoSy`; what `PRAGMA application_id` and file(1) show. */
const applicationId = 0x436f5379;
/** `PRAGMA user_version`. A file with a higher one is refused, not guessed at. */
const formatVersion = 1;

/** Larger pages than SQLite's 4 KiB hold more neighbours of one group commit: a third faster. */
const pageBytes = 8192;
/** 64 MiB of pages a connection: the inner nodes of a log with some ten million events. */
const cacheKiB = 64 * 1024;
/** A reader is locked out only while another process mends the file after a crash. It blocks the main
 *  thread meanwhile, so it soon gives up and is tried again. */
const readLockMs = 100;

const tables = `
  CREATE TABLE stream (
    id   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE
  ) STRICT;
  CREATE TABLE kind (
    id       INTEGER PRIMARY KEY,
    category TEXT    NOT NULL,
    type     TEXT    NOT NULL,
    UNIQUE (category, type)
  ) STRICT;
  CREATE TABLE event (
    position       INTEGER PRIMARY KEY,
    stream         INTEGER NOT NULL REFERENCES stream,
    revision       INTEGER NOT NULL,
    kind           INTEGER NOT NULL REFERENCES kind,
    schema_version INTEGER NOT NULL,
    id             TEXT    NOT NULL,
    data           TEXT    NOT NULL,
    metadata       TEXT    NOT NULL,
    UNIQUE (stream, revision)
  ) STRICT;
  CREATE TABLE snapshot (
    stream          INTEGER PRIMARY KEY REFERENCES stream,
    revision        INTEGER NOT NULL,
    machine_version INTEGER NOT NULL,
    state           TEXT    NOT NULL
  ) STRICT;
  CREATE VIEW record AS
    SELECT event.position, event.stream AS stream_id, stream.name AS stream, event.revision,
           event.kind AS kind_id, kind.type, event.schema_version, event.id, event.data, event.metadata
    FROM event
    LEFT JOIN stream ON stream.id = event.stream
    LEFT JOIN kind ON kind.id = event.kind;
`;

/** Triggers that refuse to change or remove rows of a table. */
export function appendOnly(table: string, what: string): readonly string[] {
  return ['UPDATE', 'DELETE'].map(
    (verb) => `CREATE TRIGGER ${table}_${verb.toLowerCase()} BEFORE ${verb} ON ${table}
               BEGIN SELECT RAISE(ABORT, '${what} is append-only'); END;`,
  );
}

const guards = ['stream', 'kind', 'event'].flatMap((table) => appendOnly(table, 'the log'));

/**
 * The one connection of a process that writes. Makes the file where there is none. Throws a Refusal
 * for a file that is foreign, damaged or newer, before anything in it is touched.
 */
export function openForWriting(file: string, lockMs: number): DatabaseSync {
  refuseLostFile(file);
  const db = new DatabaseSync(file, { timeout: lockMs });
  try {
    if (isEmpty(db)) create(db);
    check(db, file);
    if (pragma(db, 'journal_mode') !== 'wal') {
      throw new Refusal('DATA_CORRUPT', `${file} is not in WAL mode: something else wrote to it`);
    }
    // FULL: a commit returns after its fsync. fullfsync: on macOS, after the drive's own cache too.
    db.exec(`PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA cache_size = -${cacheKiB}`);
    return db;
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}

/** A connection that only reads; the file has been opened for writing before. */
export function openForReading(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { readOnly: true, timeout: readLockMs });
  db.exec(`PRAGMA cache_size = -${cacheKiB}`);
  return db;
}

/** A file that nobody writes, perhaps on a medium that is read-only; nothing appears beside it. */
export function openUnchanging(file: string): DatabaseSync {
  const url = pathToFileURL(file);
  url.searchParams.set('immutable', '1');
  return new DatabaseSync(url, { readOnly: true });
}

function create(db: DatabaseSync): void {
  db.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; BEGIN IMMEDIATE`);
  // Another process may have been faster.
  if (isEmpty(db)) {
    db.exec(`${tables} ${guards.join(' ')}
      PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${formatVersion}`);
  }
  db.exec('COMMIT');
}

/**
 * Throws a Refusal, or what SQLite throws, for what is no log. Cheap, whatever the size: marks, length,
 * and the far end of every tree, where a cut file ends.
 */
export function check(db: DatabaseSync, file: string): void {
  if (pragma(db, 'application_id') !== applicationId) {
    throw new Refusal('DATA_CORRUPT', `${file} is a database, but no log of CogniSync`);
  }
  const version = pragma(db, 'user_version') as number;
  if (version > formatVersion) {
    throw new Refusal(
      'DATA_FORMAT_NEWER',
      `${file} has format ${version}; this version knows formats up to ${formatVersion}`,
    );
  }
  // Without a journal nobody is writing to it, and SQLite would take half a page for a whole one.
  if (sizeOf(`${file}-wal`) === 0 && sizeOf(file) % (pragma(db, 'page_size') as number) !== 0) {
    throw new Refusal('DATA_CORRUPT', `${file} is cut off within a page`);
  }
  db.exec(`SELECT * FROM record WHERE position = (SELECT max(position) FROM event);
    SELECT max(stream) FROM event; SELECT max(name), max(id) FROM stream;
    SELECT * FROM kind; SELECT max(stream) FROM snapshot`);
}

/** SQLite would take a missing or empty file for a new log, and throw its journal away. */
function refuseLostFile(file: string): void {
  // In this order: a process that is just making the file has something in it before the journal.
  if (sizeOf(`${file}-wal`) > 0 && sizeOf(file) === 0) {
    throw new Refusal('DATA_CORRUPT', `${file} is missing or empty, but its journal is there`);
  }
}

/** 0 where there is none. */
function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Whether nobody has made anything of it. */
export function isEmpty(db: DatabaseSync): boolean {
  const { objects } = db.prepare('SELECT count(*) AS objects FROM sqlite_schema').get() as {
    objects: number;
  };
  return objects === 0 && pragma(db, 'application_id') === 0;
}

export function pragma(db: DatabaseSync, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}
