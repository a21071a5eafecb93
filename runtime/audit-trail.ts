/**
 * What a process records of who did what.
 *
 *     begin ──durable──▶ (the act) ──▶ end          one line each: what operators do
 *     count ──a minute──▶ a line for all the same   who was let in, what was told
 *
 * Nothing is done that could not be recorded as begun. What can't be recorded after it happened is owed, and
 * tried again.
 */
import { AuditCounts } from './core/audit-counts.ts';
import { type RuntimeError, toRuntimeError } from './errors.ts';
import { type Limits, limits as standardLimits } from './limits.ts';
import type { AuditLog, AuditRecord } from './ports/audit.ts';
import type { Clock } from './ports/clock.ts';
import type { Telemetry } from './ports/telemetry.ts';

/** Who does what, to what. */
export type Act = Omit<AuditRecord, 'at' | 'outcome' | 'code' | 'count' | 'since'>;

export interface Outcome {
  readonly outcome: Exclude<AuditRecord['outcome'], 'begun'>;
  readonly code?: string;
}

export interface AuditTrailOptions {
  readonly log: AuditLog;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly limits?: Partial<Limits>;
}

export class AuditTrail {
  readonly #log: AuditLog;
  readonly #clock: Clock;
  readonly #telemetry: Telemetry;
  readonly #limits: Limits;
  readonly #counts: AuditCounts;
  readonly #closing = new AbortController();
  readonly #counting: Promise<void>;
  #failure: RuntimeError | null = null;
  #owed: AuditRecord[] = [];
  /** Writes follow each other, so that what is owed is not written twice. */
  #writing: Promise<void> = Promise.resolve();

  /** Counts are recorded from now on, until `close`. */
  constructor({ clock, limits, log, telemetry }: AuditTrailOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#telemetry = telemetry;
    this.#limits = { ...standardLimits, ...limits };
    this.#counts = new AuditCounts(this.#limits.auditCountsMax);
    this.#counting = this.#recordCounts();
  }

  /** Why the last write failed; null where it did not. */
  get failure(): RuntimeError | null {
    return this.#failure;
  }

  /** Records that it is about to be done. Rejects with AUDIT_UNAVAILABLE; then it must not be done. */
  begin(act: Act): Promise<void> {
    return this.#append([this.#recordOf(act, { outcome: 'begun' })]);
  }

  /** Records how an act went, at once or as soon as that can be. */
  end(act: Act, outcome: Outcome): void {
    this.#owe([this.#recordOf(act, outcome)]);
    void this.#flush();
  }

  /** Counts an act that is recorded together with others like it. */
  count(act: Act, outcome: Outcome): void {
    this.#counts.add(this.#recordOf(act, outcome));
  }

  /** Records what is left, as far as that can be. Nothing may be added afterwards. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#counting;
  }

  async #append(records: readonly AuditRecord[]): Promise<void> {
    try {
      await this.#log.append(records);
      this.#failure = null;
    } catch (thrown) {
      this.#failure = toRuntimeError(thrown);
      throw this.#failure;
    }
  }

  #recordOf(act: Act, outcome: Outcome | Pick<AuditRecord, 'outcome'>): AuditRecord {
    const { target } = act;
    return {
      at: new Date(this.#clock.now()).toISOString(),
      ...act,
      ...(target !== undefined && { target: target.slice(0, this.#limits.auditTargetCharsMax) }),
      ...outcome,
    };
  }

  /** Ends, after a last time, with `close`. */
  async #recordCounts(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      // It rejects only for the signal.
      await this.#clock.sleep(this.#limits.auditCountMs, signal).catch(() => undefined);
      this.#owe(this.#counts.take());
      await this.#flush();
    }
  }

  #owe(records: readonly AuditRecord[]): void {
    this.#owed.push(...records);
    const surplus = this.#owed.length - this.#limits.auditOwedMax;
    if (surplus <= 0) return;
    const lost = this.#owed.splice(0, surplus);
    const told = `${lost.length} lines of the audit log are lost: ${JSON.stringify(lost[0])} …`;
    this.#failed(new Error(told));
  }

  /** Never rejects. */
  #flush(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const owed = this.#owed;
      if (owed.length === 0) return;
      this.#owed = [];
      try {
        await this.#append(owed);
      } catch (thrown) {
        this.#failed(toRuntimeError(thrown));
        const since = this.#owed;
        this.#owed = [...owed];
        this.#owe(since);
      }
    });
    return this.#writing;
  }

  #failed(error: Error): void {
    this.#telemetry.record({ name: 'background-failed', task: 'write the audit log', error });
  }
}
