/** Opens the log on KurrentDB, with the snapshots that belong to it. */
import {
  type Limits,
  type Log,
  RuntimeError,
  type Snapshots,
  limits as standardLimits,
} from '#runtime';
import { connectTo } from './client.ts';
import { isRefusal } from './failure.ts';
import { KurrentDbLog } from './log.ts';
import { Reader } from './reader.ts';
import { KurrentDbSnapshots } from './snapshots.ts';
import { Writer } from './writer.ts';

export interface KurrentDbOptions {
  /** `kurrentdb://user:password@host:port` or `kurrentdb+discover://…` with the client's options. */
  readonly connectionString: string;
  readonly limits?: Partial<Limits>;
}

export interface KurrentDbStore {
  /** Closing it closes both. */
  readonly log: Log;
  readonly snapshots: Snapshots;
}

/**
 * Opens the log; any number of processes may have it open. The server must take appends of
 * limits.eventBytesMax (`MaxAppendSize`), and let us read `$all` and read and write streams.
 *
 * Rejects with CONFIG_INVALID (no connection string), LOG_REFUSED (wrong name, password or rights) or
 * LOG_UNAVAILABLE.
 */
export async function openKurrentDb(options: KurrentDbOptions): Promise<KurrentDbStore> {
  const limits = { ...standardLimits, ...options.limits };
  const connection = connectTo(options.connectionString);
  const reader = new Reader(connection, limits);
  const writer = new Writer(connection, limits);
  try {
    const head = await reader.head();
    return {
      log: new KurrentDbLog({ connection, limits, reader, writer, head }),
      snapshots: new KurrentDbSnapshots({ reader, writer, limits }),
    };
  } catch (thrown) {
    await connection.client.dispose();
    const { cause, message } = thrown as RuntimeError;
    if (isRefusal(cause)) throw new RuntimeError('LOG_REFUSED', message, { cause });
    throw thrown;
  }
}
