/** The logs, and copies of them. */
export const logLimits = {
  /** Appends that may wait for one group commit. At it: append waits. */
  appendQueueMax: 16_384,
  /** Events in one group commit; fsync is shared by all of them. */
  groupCommitEventsMax: 2_048,
  /** Events in one batch that a subscription hands over; a batch grows with the backlog up to this. */
  subscriptionBatchMax: 2_000,
  /** Longest silence before a follower of the log looks again, should a wake-up be lost. */
  tailPollMs: 25,
  /** UTF-16 units of JSON in one group commit, and in one batch of a subscription: what large events
   *  may hold of memory. At it: the group or batch ends with the event that reached it. */
  groupCommitCharsMax: 8 * 1024 * 1024,
  subscriptionBatchCharsMax: 8 * 1024 * 1024,
  /** Events that one look at the log passes over for a filter before it lets others run: 0.15 µs each
   *  that does not match, so 7 ms. */
  logScanEventsMax: 50_000,
  /** Events at the end of the embedded log that are parsed once for all who follow it, and their JSON in
   *  UTF-16 units; 16 MiB hold one batch of the largest. At either: the oldest go, and are read anew. */
  logRecentEventsMax: 4_096,
  logRecentCharsMax: 16 * 1024 * 1024,
  /** Wait for the write lock of a log that other processes write too. Above: LOG_UNAVAILABLE. */
  logLockMs: 5_000,
  /** One answer of a log that is a server; its own limits are 2 s each for prepare and commit. Above:
   *  LOG_UNAVAILABLE, and the outcome of an append is unknown. */
  logAnswerMs: 5_000,
  /** Silence in one look, while it answers others: its filter passes over much. Then LOG_UNAVAILABLE. */
  logScanMs: 5 * 60_000,
  /** How often a follower at its end asks by itself, should the server's wake-ups be lost. */
  logCheckMs: 1_000,
  /** Appends of a node under way at it; 100 fit one connection. At it: append waits, not yet timed. */
  logAppendsMax: 100,
  /** SQLite's journal beside the log; at it, it is copied into the log. 16 MiB hold 30,000 events. */
  logJournalBytes: 16 * 1024 * 1024,
  /** Free bytes of the disk with the data folder, as a node's health and `doctor` see it: below `Low` it is
   *  degraded (an hour at 1,000 events/s leaves room to act), below `Min` unhealthy. */
  diskFreeBytesLow: 2 * 1024 * 1024 * 1024,
  diskFreeBytesMin: 64 * 1024 * 1024,

  /** UTF-16 units of JSON in one append of a copy: KurrentDB takes 1 MiB by default. A larger event
   *  goes alone. */
  copyAppendCharsMax: 256 * 1024,
} as const;
