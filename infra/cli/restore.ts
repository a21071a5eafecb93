/**
 * restore: a backup in the place of a data folder's log, whose node is not running.
 *
 *     backup ─copy─▶ log.sqlite.restoring ─inspected─▶ takes the place of log.sqlite, which is kept aside
 *
 * Read models speak of the log that they were made from. Where the old log is a beginning of the backup
 * they stay right; otherwise they may know what never happened, and are to be built anew.
 */
import { constants, copyFileSync, existsSync, rmSync } from 'node:fs';
import { endOfUnused, exchange, holds, type LogEnd, unsealSqlite } from '#adapters/sqlite';
import { RuntimeError } from '#runtime';
import { readDataDir } from '../config.ts';
import { logFileIn, makeDataDir, readModelsIn } from '../data-folder.ts';
import { faulty, inspected } from './backup.ts';
import { Complaint } from './complaint.ts';
import { printJson, printLine } from './output.ts';
import { countOf } from './text.ts';

interface Options {
  readonly isJson: boolean;
  readonly dataDir?: string;
  /** Also where the log that is there has events that the backup lacks, or can't be read. */
  readonly isForced: boolean;
  /** Removes the embedded read models, so that the node builds them anew. */
  readonly isRebuilding: boolean;
}

export async function restoreBackup(path: string, options: Options): Promise<void> {
  const { isJson, isForced, isRebuilding, dataDir = readDataDir() } = options;
  if (!existsSync(path)) throw new Complaint(`there is no file ${path}`);
  makeDataDir(dataDir);
  const log = logFileIn(dataDir);
  const hadLog = existsSync(log);
  const end = hadLog ? endOf(log, isForced) : null;
  const prepared = `${log}.restoring`;
  discard(prepared);
  try {
    copyFileSync(path, prepared, constants.COPYFILE_FICLONE);
    const inspection = await inspected(prepared, { isJson });
    if (inspection.faults.length > 0) throw faulty(path, inspection);
    const isBeginning = hadLog && end !== 'unreadable' && holds(prepared, end);
    if (hadLog && !isBeginning && !isForced) throw newer(log, end);
    unsealSqlite(prepared);
    // Whoever started a node meanwhile keeps it.
    if (hadLog) endOf(log, isForced);
    const kept = exchange(prepared, log);
    if (isRebuilding) rmSync(readModelsIn(dataDir), { recursive: true, force: true });
    const { head, events, digest } = inspection;
    if (isJson) return await printJson({ log, head, events, digest, kept, isBeginning });
    await printLine(
      `${log} holds ${countOf(events)} events up to position ${countOf(head)}\ndigest ${digest}` +
        (kept === null ? '' : `\nThe log that was there is kept as ${kept}`),
    );
    if (!isBeginning) await printLine(isRebuilding ? rebuilding : stale);
  } finally {
    discard(prepared);
  }
}

const rebuilding = `The embedded read models are removed; the node builds them anew when it starts, and tells other
services of all events again where it has a topic for that. With DATABASE_URL, run \`cognisync rebuild\` for each projection.`;
const stale = `The read models may know of events that are not in this log. Where a projection is ahead it stops
with CHECKPOINT_AHEAD; \`cognisync rebuild graph\` and \`cognisync rebuild links\` build them anew, or restore with
--rebuild, which removes the embedded ones.`;

/** Also what a restore that was killed has left. */
function discard(prepared: string): void {
  for (const rest of ['', '-wal', '-shm']) rmSync(`${prepared}${rest}`, { force: true });
}

/** Throws DATA_FOLDER_IN_USE where a node has it open. */
function endOf(log: string, isForced: boolean): LogEnd | 'unreadable' {
  try {
    return endOfUnused(log);
  } catch (thrown) {
    if (!(thrown instanceof RuntimeError) || thrown.code !== 'DATA_CORRUPT') throw thrown;
    if (isForced) return 'unreadable';
    throw new Complaint(`the log that is there can't be read: ${thrown.message}`, {
      code: thrown.code,
      hint: '--force puts the backup in its place and keeps it aside.',
    });
  }
}

function newer(log: string, end: LogEnd | 'unreadable'): Complaint {
  const position = end === null || end === 'unreadable' ? 0 : end.position;
  return new Complaint(
    `${log} has events up to position ${position} that the backup does not have`,
    { hint: '--force puts the backup in its place all the same, and keeps that log aside.' },
  );
}
