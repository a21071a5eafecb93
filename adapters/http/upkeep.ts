/**
 * Rebuilds, switches and verifications that somebody asked for, one a projection at a time, in the background:
 * they may take minutes, and a request that stays open as long dies in some proxy. What runs, and how
 * the last one ended, is kept until the next begins or the process ends.
 */
import {
  type Clock,
  type Ids,
  type Projector,
  type RebuildOptions,
  RuntimeError,
  toRuntimeError,
  type Verification,
} from '#runtime';

export type UpkeepKind = 'rebuild' | 'switch' | 'verify';

export interface Upkeep {
  readonly id: string;
  readonly kind: UpkeepKind;
  readonly state: 'running' | 'done' | 'failed';
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** The result of a verification that is done. */
  readonly verification: Verification | null;
}

type Work = Pick<Projector, 'name' | 'rebuild' | 'switchBack' | 'verify'>;

export class UpkeepDesk {
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #last = new Map<string, Upkeep>();

  constructor({ clock, ids }: { clock: Clock; ids: Ids }) {
    this.#clock = clock;
    this.#ids = ids;
  }

  /** What runs, or else what ended last; null where nothing was asked for. */
  of(projection: string): Upkeep | null {
    return this.#last.get(projection) ?? null;
  }

  /** Begins; `of` tells how it goes. Throws PROJECTION_BUSY while another runs. */
  begin(projector: Work, kind: UpkeepKind, options: RebuildOptions = {}): Upkeep {
    const { name } = projector;
    if (this.#last.get(name)?.state === 'running') {
      throw new RuntimeError('PROJECTION_BUSY', `${name} is being rebuilt, switched or verified`);
    }
    const begun: Upkeep = {
      id: this.#ids.random(),
      kind,
      state: 'running',
      startedAt: this.#now(),
      endedAt: null,
      error: null,
      verification: null,
    };
    this.#last.set(name, begun);
    void this.#run(projector, begun, options);
    return begun;
  }

  /** Never rejects: how it ends is what is kept. */
  async #run(projector: Work, begun: Upkeep, options: RebuildOptions): Promise<void> {
    try {
      const verification = begun.kind === 'verify' ? await projector.verify() : null;
      if (begun.kind === 'rebuild') await projector.rebuild(options);
      if (begun.kind === 'switch') await projector.switchBack();
      this.#end(projector, { ...begun, state: 'done', verification });
    } catch (thrown) {
      const { code, message } = toRuntimeError(thrown);
      this.#end(projector, { ...begun, state: 'failed', error: { code, message } });
    }
  }

  #end({ name }: Work, ended: Upkeep): void {
    this.#last.set(name, { ...ended, endedAt: this.#now() });
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}
