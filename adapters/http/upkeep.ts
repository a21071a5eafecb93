/**
 * Rebuilds, switches and verifications that somebody asked for, one a projection at a time and some of
 * several projections together, in the background:
 * they may take minutes, and a request that stays open as long dies in some proxy. What runs, and how
 * the last one ended, is kept until the next begins or the process ends.
 */
import {
  type Act,
  type AuditTrail,
  type Clock,
  type Ids,
  RuntimeError,
  toRuntimeError,
  type Verification,
} from '#runtime';

export type UpkeepKind = 'rebuild' | 'switch' | 'verify';

export interface Upkeep {
  readonly id: string;
  readonly kind: UpkeepKind;
  /** Who asked for it. */
  readonly by: string;
  /** All that it is about. */
  readonly projections: readonly string[];
  readonly state: 'running' | 'done' | 'failed';
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** The result of a verification that is done. */
  readonly verification: Verification | null;
}

/** Answers the result of a verification, else null. */
type Work = () => Promise<Verification | null>;

interface UpkeepSurroundings {
  readonly clock: Clock;
  readonly ids: Ids;
  /** Told how each ended. */
  readonly audit: Pick<AuditTrail, 'end'>;
}

export class UpkeepDesk {
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #audit: Pick<AuditTrail, 'end'>;
  readonly #last = new Map<string, Upkeep>();

  constructor({ audit, clock, ids }: UpkeepSurroundings) {
    this.#audit = audit;
    this.#clock = clock;
    this.#ids = ids;
  }

  /** What runs, or else what ended last; null where nothing was asked for. */
  of(projection: string): Upkeep | null {
    return this.#last.get(projection) ?? null;
  }

  /** Begins; `of` each tells how it goes. Throws PROJECTION_BUSY while another of one of them runs. */
  begin(kind: UpkeepKind, by: string, projections: readonly string[], work: Work): Upkeep {
    const busy = projections.find((name) => this.of(name)?.state === 'running');
    if (busy !== undefined) {
      throw new RuntimeError('PROJECTION_BUSY', `${busy} is being rebuilt, switched or verified`);
    }
    const begun: Upkeep = {
      id: this.#ids.random(),
      kind,
      by,
      projections,
      state: 'running',
      startedAt: this.#now(),
      endedAt: null,
      error: null,
      verification: null,
    };
    this.#keep(begun);
    void this.#run(begun, work);
    return begun;
  }

  /** Never rejects: how it ends is what is kept. */
  async #run(begun: Upkeep, work: Work): Promise<void> {
    const { id, kind, by, projections } = begun;
    const act: Act = { kind: 'admin', who: by, action: kind, target: projections.join(' '), id };
    try {
      const verification = await work();
      this.#keep({ ...begun, state: 'done', endedAt: this.#now(), verification });
      this.#audit.end(act, { outcome: 'done' });
    } catch (thrown) {
      const { code, message } = toRuntimeError(thrown);
      const error = { code, message };
      this.#keep({ ...begun, state: 'failed', endedAt: this.#now(), error });
      this.#audit.end(act, { outcome: 'failed', code });
    }
  }

  #keep(upkeep: Upkeep): void {
    for (const name of upkeep.projections) this.#last.set(name, upkeep);
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}
