/**
 * A log's file replaced by another one, while nobody has it open.
 *
 *     log.sqlite ──link──▶ log.sqlite.replaced-1      then     prepared ──rename──▶ log.sqlite
 *
 * E1: at no moment is there no log, so that a node that starts in between never begins an empty one. E2: no
 * journal of the old file is left beside the new one, for SQLite would write it into it. E3: the old file
 * is kept.
 */
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type RecordedEvent, RuntimeError } from '#runtime';
import { onFile } from './error.ts';
import { openUnchanging } from './format.ts';

/** The end of a log that is out of use; null for an empty one. */
export type LogEnd = Pick<RecordedEvent, 'position' | 'id'> | null;

/** SQLite's result code where another connection has the file open. */
const busy = 5;

/**
 * The end of a log that nobody has open, after its journal was written into it. Throws
 * DATA_FOLDER_IN_USE where a process has it open, or DATA_CORRUPT.
 */
export function endOfUnused(file: string): LogEnd {
  return onFile(file, () => {
    using db = new DatabaseSync(file, { timeout: 0 });
    try {
      // In WAL mode each connection shares a lock for as long as it lives; this one wants it alone.
      db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT');
    } catch (thrown) {
      if ((thrown as { errcode?: number }).errcode !== busy) throw thrown;
      const message = `another process has ${file} open`;
      throw new RuntimeError('DATA_FOLDER_IN_USE', message, { data: { file }, cause: thrown });
    }
    const last = db.prepare('SELECT position, id FROM event ORDER BY position DESC LIMIT 1').get();
    return last === undefined ? null : { position: Number(last.position), id: String(last.id) };
  });
}

/** Whether a log holds an event at this place; an empty end is held by all. */
export function holds(file: string, end: LogEnd): boolean {
  if (end === null) return true;
  return onFile(file, () => {
    using db = openUnchanging(file);
    return db.prepare('SELECT id FROM event WHERE position = ?').get(end.position)?.id === end.id;
  });
}

/** Puts a complete log in the place of another one. Answers where the other one is kept, if there was one. */
export function exchange(prepared: string, file: string): string | null {
  if (existsSync(`${prepared}-wal`)) {
    throw new RuntimeError('INVARIANT_BROKEN', `${prepared} is still open: it has a journal`);
  }
  syncPath(prepared);
  const kept = existsSync(file) ? freeName(file) : null;
  if (kept !== null) linkSync(file, kept);
  // Where the old file could not be read, it may still have one.
  if (existsSync(`${file}-wal`)) renameSync(`${file}-wal`, `${kept ?? freeName(file)}-wal`);
  rmSync(`${file}-shm`, { force: true });
  renameSync(prepared, file);
  syncPath(dirname(file));
  return kept;
}

function freeName(file: string): string {
  for (let at = 1; ; at++) {
    const name = `${file}.replaced-${at}`;
    if (!existsSync(name) && !existsSync(`${name}-wal`)) return name;
  }
}

/** Makes the bytes of a file, or the names in a folder, durable. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
