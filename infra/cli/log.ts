/** The log beside its node, for commands that read history themselves. */
import { existsSync } from 'node:fs';
import { readLogPlace } from '../config.ts';
import { logFileIn } from '../data-folder.ts';
import { type OpenedLog, openLog } from '../log.ts';
import { Complaint } from './complaint.ts';

/**
 * Opens the log that is there already, whether a node runs on it or not. The caller closes it.
 *
 * `dataDir` stands in for this environment's DATA_DIR, and for its KURRENTDB_URL too. Rejects with a Complaint where there is no log.
 */
export async function openLogBeside(dataDir?: string): Promise<OpenedLog> {
  const place = dataDir === undefined ? readLogPlace() : { dataDir };
  const file = logFileIn(place.dataDir);
  if (place.kurrentDbUrl !== undefined || existsSync(file)) return openLog(place);
  throw new Complaint(`there is no log at ${file}`, {
    hint: 'Start a node with the same DATA_DIR first, or name its folder with --data-dir.',
  });
}
