/** The log beside its node, for commands that read history themselves. */
import { existsSync } from 'node:fs';
import { readDataDir } from '../config.ts';
import { logFileIn } from '../data-folder.ts';
import { type OpenedLog, openLog } from '../log.ts';
import { Complaint } from './complaint.ts';

/**
 * Opens the log that is there already, whether a node runs on it or not. The caller closes it.
 *
 * `dataDir` stands in for this environment's DATA_DIR. Rejects with a Complaint where there is no log.
 */
export async function openLogBeside(dataDir: string = readDataDir()): Promise<OpenedLog> {
  const file = logFileIn(dataDir);
  if (existsSync(file)) return openLog({ dataDir });
  throw new Complaint(`there is no log at ${file}`, {
    hint: 'Start a node with the same DATA_DIR first, or name its folder with --data-dir.',
  });
}
