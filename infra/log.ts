/**
 * Which log a node keeps its history in: the embedded one in its data folder, or KurrentDB where the
 * environment names it.
 */
import { openSqlite } from '#adapters/sqlite';
import type { Log, Snapshots, Telemetry } from '#runtime';
import type { Config } from './config.ts';
import { logFileIn, makeDataDir } from './data-folder.ts';

export interface OpenedLog {
  /** Closing it closes both. */
  readonly log: Log;
  readonly snapshots: Snapshots;
}

/**
 * Opens the log, or makes a new one. Rejects with CONFIG_INVALID, DATA_CORRUPT, DATA_FORMAT_NEWER,
 * LOG_FULL, LOG_REFUSED or LOG_UNAVAILABLE.
 */
export async function openLog(
  { dataDir, kurrentDbUrl }: Pick<Config, 'dataDir' | 'kurrentDbUrl'>,
  telemetry?: Telemetry,
): Promise<OpenedLog> {
  makeDataDir(dataDir);
  if (kurrentDbUrl === undefined) return openSqlite(logFileIn(dataDir), telemetry);
  // Loaded here only: its client brings native code, which not every machine has.
  const { openKurrentDb } = await import('#adapters/kurrentdb');
  return openKurrentDb({ connectionString: kurrentDbUrl.reveal() });
}
