/** The record of who did what. */
export const auditLimits = {
  /** What was accepted and refused in this time is counted, and recorded as counts: a flood of requests writes
   *  no flood of lines. What was counted and not yet recorded is lost when a process is killed. */
  auditCountMs: 60_000,
  /** Different things that are counted at a time, 300 B each. At it: the next are counted without a name. */
  auditCountsMax: 256,
  /** Outcomes that could not be recorded yet and are tried again. At it: the oldest is told as lost. */
  auditOwedMax: 1_000,
  /** UTF-16 units of what an act is done to: some twenty ids. Longer ones are cut. */
  auditTargetCharsMax: 2_000,
  /** Wait for another process that writes to the same record. It blocks this one meanwhile. Above:
   *  AUDIT_UNAVAILABLE. */
  auditLockMs: 500,
} as const;
