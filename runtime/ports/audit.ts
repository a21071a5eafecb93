/** The record of who did what: added to, and never changed or shortened. */

export interface AuditRecord {
  /** ISO 8601: when it happened; of several, when the last of them did. */
  readonly at: string;
  /** What an operator did; who was let in as a source; what a producer told. */
  readonly kind: 'admin' | 'authentication' | 'command';
  /** An operator's name, `anonymous` where operators have none, `connection:jira`, `tenant:acme`, `cli:root`;
   *  `unknown` for somebody who could not say. */
  readonly who: string;
  /** A route, such as `POST /projections/:name/rebuild`, or a command of the command line. */
  readonly action: string;
  /** `begun` stands before the act, the others after it; `accepted`: it goes on in the background. */
  readonly outcome: 'begun' | 'accepted' | 'done' | 'refused' | 'failed';
  /** Of the error catalogue, where it was refused or failed. */
  readonly code?: string;
  /** What it was done to, limits.auditTargetCharsMax UTF-16 units at most. */
  readonly target?: string;
  /** The address that it came from. */
  readonly from?: string;
  /** Of the request, or of the upkeep that it began. */
  readonly id?: string;
  /** How many of the same there were since `since`; absent: one. */
  readonly count?: number;
  readonly since?: string;
}

export interface AuditLog {
  /**
   * Adds all of them or none; they are durable when it resolves. Rejects with AUDIT_UNAVAILABLE, and what
   * was to be recorded first must not be done then.
   */
  append(records: readonly AuditRecord[]): Promise<void>;
}
