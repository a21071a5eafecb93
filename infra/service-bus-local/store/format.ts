/**
 * The file of the local broker: its tables, its marks, and the checks at opening.
 *
 *     entity         id │ path │ sequence │ seed       a row for each queue, topic, subscription and
 *                                                      dead-letter queue that ever was
 *     message        id │ state │ delivery_count │ enqueued_at │ due_at │ expires_at │ session │ bytes
 *     session_state  entity │ session │ state
 *     duplicate      entity │ message_id │ seen_at
 *     rule           entity │ name │ filter
 *
 * A message's id is its entity's id times 2^40 plus its sequence number: a queue is one stretch of one
 * tree, written at its end and read from its beginning. Locks are not here: they end with the broker.
 * One process has the file, and keeps it locked.
 */
import { DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '#runtime';

/** `CoSb`; what `PRAGMA application_id` and file(1) show. */
const applicationId = 0x436f5362;
/** `PRAGMA user_version`. A file with a higher one is refused, not guessed at. */
const formatVersion = 1;

const sequenceSpan = 2 ** 40;
/** 2^53 holds so many spans; the ids of entities are never used again. */
export const entityIdMax = 2 ** 13 - 1;

export const rowId = (entity: number, sequence: number): number => entity * sequenceSpan + sequence;
export const sequenceIn = (row: number): number => row % sequenceSpan;

const tables = `
  CREATE TABLE entity (
    id       INTEGER PRIMARY KEY,
    path     TEXT    NOT NULL UNIQUE,
    sequence INTEGER NOT NULL DEFAULT 0,
    seed     TEXT    NOT NULL DEFAULT ''
  ) STRICT;
  CREATE TABLE message (
    id             INTEGER PRIMARY KEY,
    state          INTEGER NOT NULL,
    delivery_count INTEGER NOT NULL,
    enqueued_at    INTEGER NOT NULL,
    due_at         INTEGER,
    expires_at     INTEGER,
    session        TEXT,
    bytes          BLOB    NOT NULL
  ) STRICT;
  CREATE TABLE session_state (
    entity  INTEGER NOT NULL,
    session TEXT    NOT NULL,
    state   BLOB    NOT NULL,
    PRIMARY KEY (entity, session)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE duplicate (
    entity     INTEGER NOT NULL,
    message_id TEXT    NOT NULL,
    seen_at    INTEGER NOT NULL,
    PRIMARY KEY (entity, message_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE rule (
    entity INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    filter TEXT    NOT NULL,
    PRIMARY KEY (entity, name)
  ) STRICT, WITHOUT ROWID;
`;

/**
 * Opens the file, makes it where there is none; in memory where `file` is undefined. Throws
 * DATA_FOLDER_IN_USE, DATA_CORRUPT, DATA_FORMAT_NEWER, or CONFIG_INVALID where it can't be opened.
 */
export function openFile(file: string | undefined): DatabaseSync {
  const name = file ?? ':memory:';
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(name);
    // FULL: a commit returns after its fsync. fullfsync: on macOS, after the drive's own cache too.
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; BEGIN IMMEDIATE`);
    if (isEmpty(db)) create(db);
    check(db, name);
    db.exec('COMMIT');
    return db;
  } catch (thrown) {
    db?.close();
    throw toOpeningError(thrown, name);
  }
}

function create(db: DatabaseSync): void {
  db.exec(`${tables} PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${formatVersion}`);
}

function check(db: DatabaseSync, name: string): void {
  if (pragma(db, 'application_id') !== applicationId) {
    throw new RuntimeError('DATA_CORRUPT', `${name} is a database, but not of the local broker`);
  }
  const version = Number(pragma(db, 'user_version'));
  if (version > formatVersion) {
    const text = `${name} has format ${version}; this version knows formats up to ${formatVersion}`;
    throw new RuntimeError('DATA_FORMAT_NEWER', text);
  }
}

/** https://sqlite.org/rescode.html */
const sqliteCodes = { busy: 5, corrupt: 11, notADatabase: 26 } as const;

function toOpeningError(thrown: unknown, name: string): unknown {
  if (thrown instanceof RuntimeError || !(thrown instanceof Error)) return thrown;
  const code = primaryCode(thrown);
  if (code === null) return thrown;
  const options = { cause: thrown };
  if (code === sqliteCodes.busy) {
    const text = `another process has ${name} open; it is probably a broker`;
    return new RuntimeError('DATA_FOLDER_IN_USE', text, options);
  }
  if (code === sqliteCodes.corrupt || code === sqliteCodes.notADatabase) {
    return new RuntimeError('DATA_CORRUPT', `${name}: ${thrown.message}`, options);
  }
  return new RuntimeError('CONFIG_INVALID', `${name} can't be opened: ${thrown.message}`, options);
}

/** SQLite's own code, or null for an error that is not SQLite's. */
export function primaryCode(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || !('errcode' in thrown)) return null;
  return (thrown.errcode as number) & 0xff;
}

function isEmpty(db: DatabaseSync): boolean {
  const { objects } = db.prepare('SELECT count(*) AS objects FROM sqlite_schema').get() as {
    objects: number;
  };
  return objects === 0 && pragma(db, 'application_id') === 0;
}

function pragma(db: DatabaseSync, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}
