/**
 * The sink of a generation that is being built, and that nobody reads.
 *
 * It folds up to a bound in memory, and writes one fold while the next one grows. B1: the first load
 * goes by COPY into tables without keys; before the second one the keys are made, and it goes by
 * statements that know what to do with a row that is there. B2: the stored checkpoint moves when all of
 * a load is written. Until then rows may be ahead of it, which the generation remembers (`reached`);
 * the same events again set them right, since each effect has whole values: so a build that a crash
 * has cut off goes on from its checkpoint. B3: whoever goes on with it gives it a new number, and the
 * builder before can write no more, should it still live.
 */
import { type ChangeBatch, type Checksum, limits, type ReadStore, RuntimeError } from '#runtime';
import type { Fold, Plan } from './plan.ts';
import { emptyTables, ensureIndexes, ensureKeys } from './schema.ts';
import { StoredSink } from './sink.ts';
import { copyRows, writeEffects } from './table.ts';

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

export interface BuildingOptions {
  /** The stored checkpoint. */
  readonly position: number;
  readonly foldedCharsMax: number;
}

export class BuildingSink<Change> extends StoredSink<Change> {
  readonly #foldedCharsMax: number;
  #fold: Fold<Change>;
  #position: number;
  /** Where the last load ends that was sent off. */
  #sentTo: number;
  #load: Load<Change> | null = null;
  #isReady = false;

  constructor(
    store: ReadStore,
    plan: Plan<Change>,
    generation: number,
    { position, foldedCharsMax }: BuildingOptions,
  ) {
    super(store, plan, generation, 'building');
    this.#foldedCharsMax = foldedCharsMax;
    this.#fold = plan.fold();
    this.#position = position;
    this.#sentTo = position;
  }

  /** How far it has folded; `flush` makes it the stored checkpoint. */
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
    await ensureKeys(this.store, this.plan, this.schema);
    return super.checksum();
  }

  /** Resolves when everything is written. Throws as `apply` does; then call it again. */
  async flush(): Promise<void> {
    await this.#settle();
    if (this.#sentTo === this.#position) return;
    this.#send();
    await this.#settle();
  }

  /** All that readers need, keys and indexes too. May be called again. */
  async ready(): Promise<void> {
    await this.flush();
    if (this.#isReady) return;
    await ensureKeys(this.store, this.plan, this.schema);
    await ensureIndexes(this.store, this.plan, this.schema);
    this.#isReady = true;
  }

  /** Resolves when nothing of it is under way any more. What is folded and was not sent is lost. */
  async leave(): Promise<void> {
    await this.#load?.tried;
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

  /** Each statement on its own, so that readers have their turn in between. May be repeated. */
  async #write({ fold, from, to }: Cargo<Change>): Promise<void> {
    try {
      if (await this.reaches(from, to)) {
        await this.#writeRows(fold, from);
        if (await this.moves(this.store, from, to)) return;
      }
    } catch (thrown) {
      // Tables that are missing, because another build has taken or dropped them, are told as that.
      await this.stands(this.store);
      throw thrown;
    }
    // A first try may have moved it and lost its answer.
    const stands = await this.stands(this.store);
    if (stands === to) return;
    throw new RuntimeError('PROJECTION_BUSY', `another build moved ${this.schema} to ${stands}`);
  }

  async #writeRows({ effects }: Fold<Change>, from: number): Promise<void> {
    if (from === 0) {
      await emptyTables(this.store, this.plan, this.schema);
      await copyRows(this.store, this.schema, effects, limits.loadStatementsMax);
    } else {
      await ensureKeys(this.store, this.plan, this.schema);
      await writeEffects(this.store, this.schema, effects, limits.loadStatementsMax);
    }
  }
}
