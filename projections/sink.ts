/**
 * The two sinks of stored generations.
 *
 * S1: a live sink commits rows and checkpoint in one transaction, whose first statement moves the
 * checkpoint from where the runner saw it; it locks that row, so of two runners one applies and the
 * other learns where the first stands. S2: a live sink applies only to a generation that is live, a
 * building one only to its own, whose number was never another's. S3: nobody reads a build, and a crash
 * ends it: its rows may be ahead of its checkpoint, and what it has folded may be lost.
 */
import {
  type ChangeBatch,
  type Checksum,
  type Queryable,
  type ReadStore,
  RuntimeError,
  type Sink,
} from '#runtime';
import { digestOf } from './digest.ts';
import type { Fold, Plan } from './plan.ts';

export function schemaOf(plan: { readonly name: string }, generation: number): string {
  return `${plan.name}_${generation}`;
}

abstract class StoredSink<Change> implements Sink<Change> {
  readonly generation: number;
  protected readonly store: ReadStore;
  protected readonly plan: Plan<Change>;
  protected readonly schema: string;
  readonly #isLive: boolean;

  constructor(store: ReadStore, plan: Plan<Change>, generation: number, isLive: boolean) {
    this.store = store;
    this.plan = plan;
    this.generation = generation;
    this.schema = schemaOf(plan, generation);
    this.#isLive = isLive;
  }

  abstract position(): Promise<number>;
  abstract apply(batch: ChangeBatch<Change>): Promise<number>;

  async checksum(): Promise<Checksum> {
    return this.store.transaction(
      async (tx) => {
        await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
        const position = await this.stands(tx);
        return { position, ...(await digestOf(tx, this.schema, this.plan.digested)) };
      },
      { isPatient: true },
    );
  }

  /** The stored checkpoint. Throws READ_STORE_UNAVAILABLE where the generation has had its day. */
  protected async stands(queryable: Queryable): Promise<number> {
    const [row] = await queryable.query<{ position: number }>(
      `SELECT position FROM cognisync.generation
        WHERE projection = $1 AND number = $2 AND is_live = $3`,
      [this.plan.name, this.generation, this.#isLive],
    );
    if (row !== undefined) return row.position;
    const what = `generation ${this.generation} of ${this.plan.name}`;
    throw new RuntimeError(
      'READ_STORE_UNAVAILABLE',
      this.#isLive ? `${what} was replaced` : `${what} was dropped by another build`,
    );
  }

  /** Moves the stored checkpoint where it is `from`, and locks it; says whether it did. */
  protected async moves(queryable: Queryable, from: number, to: number): Promise<boolean> {
    const moved = await queryable.query(
      `UPDATE cognisync.generation SET position = $4
        WHERE projection = $1 AND number = $2 AND is_live = $3 AND position = $5
        RETURNING number`,
      [this.plan.name, this.generation, this.#isLive, to, from],
    );
    return moved.length === 1;
  }
}

/** Applies each batch at once; its rows are what readers see. */
export class LiveSink<Change> extends StoredSink<Change> {
  constructor(store: ReadStore, plan: Plan<Change>, generation: number) {
    super(store, plan, generation, true);
  }

  position(): Promise<number> {
    return this.stands(this.store);
  }

  async apply({ changes, from, to }: ChangeBatch<Change>): Promise<number> {
    const fold = this.plan.fold();
    fold.add(changes);
    return this.store.transaction(async (tx) => {
      if (!(await this.moves(tx, from, to))) return this.stands(tx);
      await fold.write(tx, this.schema);
      await this.plan.announce?.(tx, this.schema, from, to);
      return to;
    });
  }
}

interface Cargo<Change> {
  readonly fold: Fold<Change>;
  readonly from: number;
  readonly to: number;
}

/** Folded changes on their way to the store. */
interface Load<Change> extends Cargo<Change> {
  /** Never rejects; a failure is kept. */
  readonly tried: Promise<void>;
  failure: unknown;
}

/**
 * Fills a generation that nobody reads: folds up to `foldedCharsMax` in memory, and writes one
 * fold while the next one grows. Its position is that of the fold; `flush` makes it the stored one.
 */
export class BuildingSink<Change> extends StoredSink<Change> {
  readonly #foldedCharsMax: number;
  #fold: Fold<Change>;
  #position = 0;
  /** Where the last load ends that was sent off. */
  #sentTo = 0;
  #load: Load<Change> | null = null;

  constructor(store: ReadStore, plan: Plan<Change>, generation: number, foldedCharsMax: number) {
    super(store, plan, generation, false);
    this.#foldedCharsMax = foldedCharsMax;
    this.#fold = plan.fold();
  }

  async position(): Promise<number> {
    return this.#position;
  }

  async apply({ changes, from, to }: ChangeBatch<Change>): Promise<number> {
    if (from !== this.#position) return this.#position;
    if (this.#fold.weight >= this.#foldedCharsMax) {
      await this.#settle();
      this.#send();
    }
    this.#fold.add(changes);
    this.#position = to;
    return to;
  }

  override async checksum(): Promise<Checksum> {
    await this.flush();
    return super.checksum();
  }

  /** Resolves when everything is written. Throws as `apply` does; then call it again. */
  async flush(): Promise<void> {
    await this.#settle();
    if (this.#sentTo === this.#position) return;
    this.#send();
    await this.#settle();
  }

  /** Waits for the load under way; one that failed is tried once more, and its failure thrown. */
  async #settle(): Promise<void> {
    const load = this.#load;
    if (load === null) return;
    await load.tried;
    if (load.failure !== null) await this.#write(load);
    this.#load = null;
  }

  #send(): void {
    const cargo: Cargo<Change> = { fold: this.#fold, from: this.#sentTo, to: this.#position };
    const load: Load<Change> = {
      ...cargo,
      failure: null,
      tried: this.#write(cargo).catch((thrown) => {
        load.failure = thrown;
      }),
    };
    this.#load = load;
    this.#sentTo = this.#position;
    this.#fold = this.plan.fold();
  }

  /**
   * Each statement on its own, so that readers have their turn in between. Repeating a load has no
   * effect: it holds whole values.
   */
  async #write({ fold, from, to }: Cargo<Change>): Promise<void> {
    try {
      await fold.write(this.store, this.schema);
      if (await this.moves(this.store, from, to)) return;
    } catch (thrown) {
      // Tables that are missing, because another build has dropped them, are told as that.
      await this.stands(this.store);
      throw thrown;
    }
    // A first try may have moved it and lost its answer.
    const stands = await this.stands(this.store);
    if (stands === to) return;
    throw new RuntimeError('PROJECTION_BUSY', `another build moved ${this.schema} to ${stands}`);
  }
}
