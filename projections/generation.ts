/**
 * The generations of one projection on a ReadStore.
 *
 *     graph_1.node …          one schema a generation: its tables, and in time its keys and indexes
 *     graph.node …            views on the live one; all that readers know
 *     cognisync.generation    checkpoints, and which one is live, which one kept
 *
 * G1: exactly one generation is live, and the views show it; both change in one transaction. G2: one
 * build or switch at a time over all nodes (a lock of the store), so that a generation which is neither
 * live nor kept while the lock is free was left by somebody; `begin` may go on with it, and who finds
 * one that nobody can go on with drops it. G3: only a generation that is neither can be discarded, so a
 * promotion whose answer was lost does no harm. G4: no number is given twice, and going on with a build
 * gives it a new one, so that whoever lost its generation can't write into the next one.
 */
import {
  type GenerationState,
  type GenerationStatus,
  type Generations,
  type JointPromotionOptions,
  limits,
  type PromotionOptions,
  type Queryable,
  type ReadStore,
  RuntimeError,
  type Sink,
  type StoreLock,
} from '#runtime';
import { ensureBookkeeping } from './bookkeeping.ts';
import { BuildingSink } from './building.ts';
import type { Plan } from './plan.ts';
import { dropKeys, makeSchema, renameSchema, schemaOf, showSchema } from './schema.ts';
import { SettledSink, type StoredSink } from './sink.ts';
import { promoteTogether, StoredPromotion } from './swap.ts';

interface GenerationRow extends GenerationStatus, Record<string, unknown> {
  /** Rows may be there of events up to here. */
  readonly reached: number;
}

export class StoredGenerations<Change> implements Generations<Change> {
  readonly #store: ReadStore;
  readonly #plan: Plan<Change>;
  readonly #foldedCharsMax: number;
  /** Those that are being built or caught up here, with the lock that says so. */
  readonly #held = new Map<Sink<Change>, StoreLock>();

  /** `foldedCharsMax`: larger where there is memory, smaller in tests that want to reach it. */
  constructor(
    store: ReadStore,
    plan: Plan<Change>,
    foldedCharsMax: number = limits.foldedCharsMin,
  ) {
    this.#store = store;
    this.#plan = plan;
    this.#foldedCharsMax = foldedCharsMax;
  }

  /** Throws DATA_FORMAT_NEWER where a newer version of this code built the live one. */
  async live(): Promise<{ readonly sink: Sink<Change>; readonly version: number }> {
    const { number, version, hasLeftovers } = await this.#patiently((tx) => this.#liveOrNew(tx));
    if (version > this.#plan.version) {
      throw new RuntimeError(
        'DATA_FORMAT_NEWER',
        `${this.#plan.name} was built by version ${version}; this is version ${this.#plan.version}`,
      );
    }
    // Only then, as a rebuild that finds the lock taken gives up.
    const lock = hasLeftovers ? await this.#store.lock(this.#lockName) : null;
    if (lock !== null) {
      await this.#dropLeftovers((row) => !this.#isResumable(row)).finally(() => lock.release());
    }
    return { sink: new SettledSink(this.#store, this.#plan, number, 'live'), version };
  }

  async begin(head?: number): Promise<Sink<Change>> {
    return this.#holding(async () => {
      const isUsable = (row: GenerationRow) =>
        head !== undefined && this.#isResumable(row) && row.reached <= head;
      await this.#dropLeftovers((row) => !isUsable(row));
      const { number, position } = await this.#patiently((tx) => this.#resumeOrNew(tx));
      const foldedCharsMax = this.#foldedCharsMax;
      return new BuildingSink(this.#store, this.#plan, number, { position, foldedCharsMax });
    });
  }

  /** `signal` is for those that wait for more than the store. */
  async complete(sink: Sink<Change>, _signal?: AbortSignal): Promise<void> {
    await readied(this.#mine(sink));
  }

  async promote(
    sink: Sink<Change>,
    { beside = [], ...options }: JointPromotionOptions = {},
  ): Promise<void> {
    await promoteTogether(this.promotion(sink, options), beside);
  }

  promotion(sink: Sink<Change>, { keepsOld = false }: PromotionOptions = {}): StoredPromotion {
    const held = this.#mine(sink);
    return new StoredPromotion(this.#plan.name, this.#store, {
      ready: () => readied(held),
      swap: (tx) => this.#swap(tx, held.generation, keepsOld),
      settle: async () => {
        try {
          await this.#dropLeftovers(() => true);
        } catch {
          // It is live all the same; `live` drops what was replaced.
        }
        await this.#release(held);
      },
    });
  }

  async leave(sink: Sink<Change>): Promise<void> {
    if (sink instanceof BuildingSink) await sink.leave();
    await this.#release(sink);
  }

  async discard(sink: Sink<Change>): Promise<void> {
    try {
      if (sink instanceof BuildingSink) await sink.leave();
      await this.#patiently((tx) => this.#drop(tx, sink.generation));
    } finally {
      await this.#release(sink);
    }
  }

  async kept(): Promise<Sink<Change> | null> {
    const kept = (await this.#all()).find(({ state }) => state === 'kept');
    if (kept === undefined) return null;
    const { number, version } = kept;
    const { name, version: ours } = this.#plan;
    if (version !== ours) {
      throw new RuntimeError(
        'PROJECTION_OUTDATED',
        `version ${version} of ${name} built the kept generation ${number}; this is version ${ours}`,
        { data: { version, ours } },
      );
    }
    return this.#holding(async () => new SettledSink(this.#store, this.#plan, number, 'kept'));
  }

  async list(): Promise<readonly GenerationStatus[]> {
    const rows = await this.#all();
    return rows.map(({ number, version, position, state }) => ({
      number,
      version,
      position,
      state,
    }));
  }

  get #lockName(): string {
    return `cognisync/${this.#plan.name}/build`;
  }

  /** The sink that `make` gives, with the lock held until it is released. */
  async #holding(make: () => Promise<StoredSink<Change>>): Promise<Sink<Change>> {
    const lock = await this.#store.lock(this.#lockName);
    if (lock === null) {
      throw new RuntimeError('PROJECTION_BUSY', `${this.#plan.name} is being built already`);
    }
    try {
      const sink = await make();
      this.#held.set(sink, lock);
      return sink;
    } catch (thrown) {
      await lock.release();
      throw thrown;
    }
  }

  #mine(sink: Sink<Change>): Sink<Change> {
    if (this.#held.has(sink)) return sink;
    throw new RuntimeError('INVARIANT_BROKEN', 'only a generation that is held here is promoted');
  }

  async #release(sink: Sink<Change>): Promise<void> {
    const lock = this.#held.get(sink);
    this.#held.delete(sink);
    await lock?.release();
  }

  /** Whether a build can go on with it, as far as its row says. */
  #isResumable({ version, position }: GenerationRow): boolean {
    return version === this.#plan.version && position > 0;
  }

  async #liveOrNew(
    tx: Queryable,
  ): Promise<{ number: number; version: number; hasLeftovers: boolean }> {
    await ensureBookkeeping(tx);
    const rows = await this.#rows(tx);
    const hasLeftovers = rows.some((row) => row.state === 'building' && !this.#isResumable(row));
    const live = rows.find(({ state }) => state === 'live');
    if (live !== undefined) return { ...live, hasLeftovers };
    const number = await this.#make(tx, 'live');
    const schema = schemaOf(this.#plan, number);
    for (const statement of this.#plan.indexes(schema)) await tx.query(statement);
    await showSchema(tx, this.#plan, schema);
    return { number, version: this.#plan.version, hasLeftovers };
  }

  async #resumeOrNew(tx: Queryable): Promise<{ number: number; position: number }> {
    const left = (await this.#rows(tx)).find(({ state }) => state === 'building');
    if (left === undefined) {
      const number = await this.#make(tx, 'building');
      await dropKeys(tx, this.#plan, schemaOf(this.#plan, number));
      return { number, position: 0 };
    }
    const [row] = await tx.query<{ number: number }>(
      `UPDATE cognisync.generation SET number = nextval('cognisync.generation_number')
        WHERE projection = $1 AND number = $2 RETURNING number`,
      [this.#plan.name, left.number],
    );
    const { number } = row!;
    const [from, to] = [schemaOf(this.#plan, left.number), schemaOf(this.#plan, number)];
    await renameSchema(tx, this.#plan, { from, to });
    return { number, position: left.position };
  }

  async #make(tx: Queryable, state: GenerationState): Promise<number> {
    const { name, version } = this.#plan;
    const [row] = await tx.query<{ number: number }>(
      `INSERT INTO cognisync.generation (projection, number, version, position, is_live)
       VALUES ($1, nextval('cognisync.generation_number'), $2, 0, $3) RETURNING number`,
      [name, version, state === 'live'],
    );
    const { number } = row!;
    await makeSchema(tx, this.#plan, schemaOf(this.#plan, number));
    return number;
  }

  /** What is neither live nor kept afterwards is a leftover at position 0, for `#dropLeftovers`. */
  async #swap(tx: Queryable, number: number, keepsOld: boolean): Promise<void> {
    const rows = await this.#rows(tx);
    const next = rows.find((row) => row.number === number && row.state !== 'live');
    if (next === undefined) {
      throw new RuntimeError(
        'PROJECTION_BUSY',
        `generation ${number} was dropped by another build`,
      );
    }
    const before = rows.find(({ state }) => state === 'live');
    const { name } = this.#plan;
    await tx.query(
      `UPDATE cognisync.generation
          SET is_live = false, is_kept = is_live AND $3,
              position = CASE WHEN is_live AND $3 THEN position ELSE 0 END
        WHERE projection = $1 AND number <> $2`,
      [name, number, keepsOld],
    );
    await tx.query(
      `UPDATE cognisync.generation SET is_live = true, is_kept = false
        WHERE projection = $1 AND number = $2`,
      [name, number],
    );
    const schema = schemaOf(this.#plan, number);
    await showSchema(tx, this.#plan, schema);
    const reached = before?.position ?? 0;
    if (next.position > reached) {
      await this.#plan.announce?.(tx, schema, reached, next.position);
    }
  }

  /** Drops leftovers that are `unwanted`. Call with the lock held. */
  async #dropLeftovers(unwanted: (row: GenerationRow) => boolean): Promise<void> {
    for (const row of await this.#all()) {
      if (row.state !== 'building' || !unwanted(row)) continue;
      await this.#patiently((tx) => this.#drop(tx, row.number));
    }
  }

  async #drop(tx: Queryable, number: number): Promise<void> {
    const dropped = await tx.query(
      `DELETE FROM cognisync.generation
        WHERE projection = $1 AND number = $2 AND NOT is_live AND NOT is_kept RETURNING number`,
      [this.#plan.name, number],
    );
    if (dropped.length > 0) await tx.query(`DROP SCHEMA ${schemaOf(this.#plan, number)} CASCADE`);
  }

  #all(): Promise<readonly GenerationRow[]> {
    return this.#store.transaction(async (tx) => {
      await ensureBookkeeping(tx);
      return this.#rows(tx);
    });
  }

  /** All generations of this projection, locked until the transaction ends. */
  #rows(tx: Queryable): Promise<readonly GenerationRow[]> {
    return tx.query<GenerationRow>(
      `SELECT number, version, position, reached,
              CASE WHEN is_live THEN 'live' WHEN is_kept THEN 'kept' ELSE 'building' END AS state
         FROM cognisync.generation WHERE projection = $1 ORDER BY number FOR UPDATE`,
      [this.#plan.name],
    );
  }

  #patiently<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    return this.#store.transaction(work, { isPatient: true });
  }
}

async function readied<Change>(sink: Sink<Change>): Promise<void> {
  if (sink instanceof BuildingSink) await sink.ready();
}
