/** Stored copies of actor states, to shorten activation. Losing all of them loses nothing. */
import type { StreamName } from '../envelope.ts';

export interface StoredSnapshot {
  /** Revision of the last event that is folded into `state`. */
  readonly revision: number;
  /** Version of the machine that made it; another version must ignore it. */
  readonly machineVersion: number;
  /** JSON value. */
  readonly state: unknown;
}

export interface Snapshots {
  /** The newest snapshot, or null. Throws LOG_UNAVAILABLE. */
  load(stream: StreamName): Promise<StoredSnapshot | null>;
  /** Keeps a snapshot unless a newer one is there. Need not be durable when it resolves. */
  save(stream: StreamName, snapshot: StoredSnapshot): Promise<void>;
}
