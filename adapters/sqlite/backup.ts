/**
 * A copy of the embedded log while it is in use: page by page, in one read transaction.
 *
 * Writers are not held up, and what is acked before the copy begins is in it. The log's journal grows
 * until the copy is made, and is given back then (journal.ts). Call it in a process that does not have
 * the log open otherwise, so that its reading takes nothing from a node.
 *
 *     copied ─▶ inspected (inspection.ts) ─▶ sealed: the table `backup` holds what was found in it
 */
import { existsSync } from 'node:fs';
import { backup } from 'node:sqlite';
import { limits, RuntimeError } from '#runtime';
import { onFile } from './error.ts';
import { failureOf } from './failure.ts';
import { openForWriting } from './format.ts';
import type { LogFacts } from './inspection.ts';

/** All pages in one step. Between two steps others write, and SQLite would begin again from the start. */
const pagesPerStep = 2 ** 31 - 1;

/**
 * Copies a log into a file that is not there yet. Rejects with DATA_CORRUPT, DATA_FORMAT_NEWER,
 * LOG_UNAVAILABLE or LOG_FULL (no room for the copy).
 */
export async function copySqlite(file: string, to: string): Promise<void> {
  if (!existsSync(file)) throw new RuntimeError('LOG_UNAVAILABLE', `there is no log at ${file}`);
  const db = onFile(file, () => openForWriting(file, limits.logLockMs));
  try {
    await backup(db, to, { rate: pagesPerStep });
  } catch (thrown) {
    const failure = failureOf(thrown, to);
    if (failure === null) throw thrown;
    throw new RuntimeError(failure.code, failure.message, { cause: thrown });
  } finally {
    db.close();
  }
}

/** Writes down in a copy what it holds, so that it can be told later whether it still does. */
export function sealSqlite(file: string, { head, events, digest }: LogFacts): void {
  onFile(file, () => {
    using db = openForWriting(file, limits.logLockMs);
    db.exec(`CREATE TABLE backup (head INTEGER, events INTEGER, digest TEXT) STRICT`);
    db.prepare('INSERT INTO backup VALUES (?, ?, ?)').run(head, events, digest);
  });
}

/** Makes a sealed copy a log again. */
export function unsealSqlite(file: string): void {
  onFile(file, () => {
    using db = openForWriting(file, limits.logLockMs);
    db.exec('DROP TABLE IF EXISTS backup');
  });
}
