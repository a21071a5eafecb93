/** Actors: their mailboxes, turns, memory and patience. */
export const actorLimits = {
  /** Messages waiting in one mailbox. 1,024 × 8 KiB ≈ 8 MiB of one busy actor. At it: the message is
   *  abandoned with BUS_SATURATED and comes again. */
  mailboxMessagesMax: 1024,
  /** Messages decided in one turn: one append, one fsync. 64 keeps an append below the event batch
   *  bound and a turn below 5 ms. The rest waits for the next turn. */
  turnMessagesMax: 64,
  /** Living actors. 100,000 × 2 KiB ≈ 200 MiB. At it: the longest idle one is passivated. */
  activeActorsMax: 100_000,
  /** An actor without a message for this long is passivated. */
  actorIdleMs: 5 * 60_000,
  /** How often idle actors are looked for. */
  actorSweepMs: 10_000,
  /** Events of one stream between two snapshots: a cold start reads at most this many events. */
  snapshotEveryEvents: 100,
  /** Lost races of one turn before its messages are abandoned with CONFLICT_UNRESOLVED. */
  conflictRetriesMax: 8,
  /** Repeats of one append or recovery while the log says LOG_UNAVAILABLE, with backoff: 50 to 400 ms,
   *  about 0.7 s in all. Above: the message is abandoned, and the bus delivers it again. */
  transientRetriesMax: 4,
  retryBaseMs: 50,
  retryCapMs: 5_000,
} as const;
