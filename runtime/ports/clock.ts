/** Time, so that tests can hold it still. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms`, or rejects with the signal's reason at once when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
