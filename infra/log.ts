/** Which log a node keeps its history in: the embedded one in its data folder. */
import { openSqlite } from '#adapters/sqlite';
import type { Log, Snapshots } from '#runtime';
import type { Config } from './config.ts';
import { logFileIn, makeDataDir } from './data-folder.ts';

export interface OpenedLog {
  /** Closing it closes both. */
  readonly log: Log;
  readonly snapshots: Snapshots;
}

/**
 * Opens the log, or makes a new one. Rejects with CONFIG_INVALID, DATA_CORRUPT, DATA_FORMAT_NEWER,
 * LOG_FULL or LOG_UNAVAILABLE.
 */
export function openLog({ dataDir }: Pick<Config, 'dataDir'>): Promise<OpenedLog> {
  makeDataDir(dataDir);
  return openSqlite(logFileIn(dataDir));
}
