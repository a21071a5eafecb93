/**
 * What stands where in DATA_DIR.
 *
 *     log.sqlite       the truth: back this up. Beside it stand, by name and purpose:
 *       .importing     an import that is not whole yet, and goes on when it is run again
 *       .restoring     a backup while it is checked
 *       .replaced-1 …  a log whose place a backup took; to be deleted when nobody misses it
 *     audit.sqlite     who did what; kept for itself, no backup or restore of the log touches it
 *     read-models/     the embedded read store; can be deleted and is rebuilt from the log
 *     blobs/           bodies too large for Service Bus, while their messages are under way
 */
import { mkdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { RuntimeError } from '#runtime';

export const logFileIn = (dataDir: string): string => join(dataDir, 'log.sqlite');
export const auditFileIn = (dataDir: string): string => join(dataDir, 'audit.sqlite');
export const readModelsIn = (dataDir: string): string => join(dataDir, 'read-models');
export const blobsIn = (dataDir: string): string => join(dataDir, 'blobs');

/** Bytes that are left on the disk of a folder, for those who are not root. */
export async function freeBytesIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Makes the folder where it is absent. Throws CONFIG_INVALID where that can't be. */
export function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (thrown) {
    const { message } = thrown as Error;
    throw new RuntimeError('CONFIG_INVALID', `DATA_DIR ${dataDir} can't be made: ${message}`, {
      cause: thrown,
    });
  }
}
