/**
 * A log that is named on the command line: a connection string of KurrentDB, a file of the embedded kind,
 * or a data folder with one.
 */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { openSqlite } from '#adapters/sqlite';
import { type Log, type Replica, replicaOf } from '#runtime';
import { readLogPlace } from '../config.ts';
import { logFileIn } from '../data-folder.ts';
import { Complaint } from './complaint.ts';

export interface PlacedLog {
  /** As it may be shown: without a password. */
  readonly name: string;
  readonly log: Log;
  readonly replica: Replica;
}

export function isKurrentDb(place: string): boolean {
  return /^(kurrentdb|kdb|kurrent|esdb)(\+discover)?:\/\//.test(place);
}

/** Opens the log to read from; absent: the one of this environment. A Complaint where there is none. */
export async function openSource(place?: string): Promise<PlacedLog> {
  if (place === undefined) {
    const { dataDir, kurrentDbUrl } = readLogPlace();
    return openSource(kurrentDbUrl?.reveal() ?? logFileIn(dataDir));
  }
  if (isKurrentDb(place) || existsSync(fileOf(place))) return openTarget(place);
  throw new Complaint(`there is no log at ${fileOf(place)}`);
}

/** Opens the log to copy into; makes a file where there is none. */
export async function openTarget(place: string): Promise<PlacedLog> {
  if (isKurrentDb(place)) {
    // Loaded here only: its client brings native code, which not every machine has.
    const { openKurrentDb } = await import('#adapters/kurrentdb');
    const { log } = await openKurrentDb({ connectionString: place });
    return { name: place.replace(/\/\/[^/?]*@/, '//'), log, replica: replicaOf(log) };
  }
  const file = fileOf(place);
  const { log, replica } = await openSqlite(file);
  return { name: file, log, replica };
}

function fileOf(place: string): string {
  const isFolder = statSync(place, { throwIfNoEntry: false })?.isDirectory() === true;
  return resolve(isFolder ? logFileIn(place) : place);
}
