/**
 * The generations of one projection on a ReadStore.
 *
 *     graph_1.node …          one schema a generation: its tables, and in time its indexes
 *     graph.node …            views on the live one; all that readers know
 *     cognisync.generation    checkpoints, and which one is live
 *
 * G1: exactly one generation is live, and the views show it; both change in one transaction. G2: one
 * build at a time over all nodes (a lock of the store), so that a generation which is not live while
 * the lock is free is the leftover of a crash; `live` and `begin` drop it. G3: only a generation that
 * is not live can be discarded, so a promotion whose answer was lost does no harm. G4: no number is
 * given twice, so that whoever lost its generation can't write into the next one.
 */
import {
  type Generations,
  limits,
  type Queryable,
  type ReadStore,
  RuntimeError,
  type Sink,
  type StoreLock,
} from '#runtime';
import { ensureBookkeeping } from './bookkeeping.ts';
import type { Plan } from './plan.ts';
import { BuildingSink, LiveSink, schemaOf } from './sink.ts';

interface GenerationRow extends Record<string, unknown> {
  readonly number: number;
  readonly version: number;
  readonly position: number;
  readonly isLive: boolean;
}

export class StoredGenerations<Change> implements Generations<Change> {
  readonly #store: ReadStore;
  readonly #plan: Plan<Change>;
  readonly #foldedCharsMax: number;
  readonly #builds = new Map<Sink<Change>, StoreLock>();

  /** `foldedCharsMax` is smaller in tests that want to reach it. */
  constructor(
    store: ReadStore,
    plan: Plan<Change>,
    foldedCharsMax: number = limits.foldedCharsMax,
  ) {
    this.#store = store;
    this.#plan = plan;
    this.#foldedCharsMax = foldedCharsMax;
  }

  /** Throws DATA_FORMAT_NEWER where a newer version of this code built the live one. */
  async live(): Promise<{ readonly sink: Sink<Change>; readonly version: number }> {
    const { number, version } = await this.#store.transaction((tx) => this.#liveOrNew(tx), {
      isPatient: true,
    });
    if (version > this.#plan.version) {
      throw new RuntimeError(
        'DATA_FORMAT_NEWER',
        `${this.#plan.name} was built by version ${version}; this is version ${this.#plan.version}`,
      );
    }
    const lock = await this.#store.lock(this.#lockName);
    if (lock !== null) await this.#dropLeftovers().finally(() => lock.release());
    return { sink: new LiveSink(this.#store, this.#plan, number), version };
  }

  /** Throws PROJECTION_BUSY while another build runs, here or on another node. */
  async begin(): Promise<Sink<Change>> {
    const lock = await this.#store.lock(this.#lockName);
    if (lock === null) {
      throw new RuntimeError('PROJECTION_BUSY', `${this.#plan.name} is being built already`);
    }
    try {
      await this.#dropLeftovers();
      const number = await this.#store.transaction((tx) => this.#make(tx, false));
      const sink = new BuildingSink(this.#store, this.#plan, number, this.#foldedCharsMax);
      this.#builds.set(sink, lock);
      return sink;
    } catch (thrown) {
      await lock.release();
      throw thrown;
    }
  }

  async promote(sink: Sink<Change>): Promise<void> {
    if (!(sink instanceof BuildingSink) || !this.#builds.has(sink)) {
      throw new RuntimeError(
        'INVARIANT_BROKEN',
        'only a generation under construction is promoted',
      );
    }
    await sink.flush();
    await this.#store.transaction((tx) => this.#index(tx, sink.generation), { isPatient: true });
    await this.#store.transaction((tx) => this.#swap(tx, sink.generation), { isPatient: true });
    await this.#end(sink);
  }

  async discard(sink: Sink<Change>): Promise<void> {
    try {
      await this.#store.transaction((tx) => this.#drop(tx, sink.generation), { isPatient: true });
    } finally {
      await this.#end(sink);
    }
  }

  get #lockName(): string {
    return `cognisync/${this.#plan.name}/build`;
  }

  async #end(sink: Sink<Change>): Promise<void> {
    const lock = this.#builds.get(sink);
    this.#builds.delete(sink);
    await lock?.release();
  }

  async #liveOrNew(tx: Queryable): Promise<{ number: number; version: number }> {
    await ensureBookkeeping(tx);
    const live = (await this.#rows(tx)).find(({ isLive }) => isLive);
    if (live !== undefined) return live;
    const number = await this.#make(tx, true);
    await this.#index(tx, number);
    await this.#show(tx, number);
    return { number, version: this.#plan.version };
  }

  async #make(tx: Queryable, isLive: boolean): Promise<number> {
    await ensureBookkeeping(tx);
    const { name, version } = this.#plan;
    const [row] = await tx.query<{ number: number }>(
      `INSERT INTO cognisync.generation
       VALUES ($1, nextval('cognisync.generation_number'), $2, 0, $3) RETURNING number`,
      [name, version, isLive],
    );
    const { number } = row!;
    const schema = schemaOf(this.#plan, number);
    // One of this name is nobody's: the bookkeeping was reset by hand.
    await tx.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await tx.query(`CREATE SCHEMA ${schema}`);
    for (const statement of this.#plan.tables(schema)) await tx.query(statement);
    return number;
  }

  /** Indexes and statistics. */
  async #index(tx: Queryable, number: number): Promise<void> {
    const schema = schemaOf(this.#plan, number);
    for (const statement of this.#plan.indexes(schema)) await tx.query(statement);
    for (const table of Object.keys(this.#plan.digested))
      await tx.query(`ANALYZE ${schema}.${table}`);
  }

  /** Points the views to a generation. */
  async #show(tx: Queryable, number: number): Promise<void> {
    const { name } = this.#plan;
    await tx.query(`CREATE SCHEMA IF NOT EXISTS ${name}`);
    for (const [view, select] of Object.entries(this.#plan.views(schemaOf(this.#plan, number)))) {
      await tx.query(`DROP VIEW IF EXISTS ${name}.${view}`);
      await tx.query(`CREATE VIEW ${name}.${view} AS ${select}`);
    }
  }

  async #swap(tx: Queryable, number: number): Promise<void> {
    await ensureBookkeeping(tx);
    const rows = await this.#rows(tx);
    const next = rows.find((row) => row.number === number && !row.isLive);
    if (next === undefined) {
      throw new RuntimeError(
        'PROJECTION_BUSY',
        `generation ${number} was dropped by another build`,
      );
    }
    const before = rows.find(({ isLive }) => isLive);
    if (before !== undefined) await this.#remove(tx, before.number);
    await tx.query(
      'UPDATE cognisync.generation SET is_live = true WHERE projection = $1 AND number = $2',
      [this.#plan.name, number],
    );
    await this.#show(tx, number);
    const reached = before?.position ?? 0;
    if (next.position > reached) {
      await this.#plan.announce?.(tx, schemaOf(this.#plan, number), reached, next.position);
    }
    if (before !== undefined)
      await tx.query(`DROP SCHEMA ${schemaOf(this.#plan, before.number)} CASCADE`);
  }

  async #dropLeftovers(): Promise<void> {
    const rows = await this.#store.transaction(async (tx) => {
      await ensureBookkeeping(tx);
      return this.#rows(tx);
    });
    for (const { number, isLive } of rows) {
      if (isLive) continue;
      await this.#store.transaction((tx) => this.#drop(tx, number), { isPatient: true });
    }
  }

  async #drop(tx: Queryable, number: number): Promise<void> {
    const dropped = await tx.query(
      `DELETE FROM cognisync.generation
        WHERE projection = $1 AND number = $2 AND NOT is_live RETURNING number`,
      [this.#plan.name, number],
    );
    if (dropped.length > 0) await tx.query(`DROP SCHEMA ${schemaOf(this.#plan, number)} CASCADE`);
  }

  async #remove(tx: Queryable, number: number): Promise<void> {
    await tx.query('DELETE FROM cognisync.generation WHERE projection = $1 AND number = $2', [
      this.#plan.name,
      number,
    ]);
  }

  /** All generations of this projection, locked until the transaction ends. */
  #rows(tx: Queryable): Promise<readonly GenerationRow[]> {
    return tx.query<GenerationRow>(
      `SELECT number, version, position, is_live AS "isLive" FROM cognisync.generation
        WHERE projection = $1 ORDER BY number FOR UPDATE`,
      [this.#plan.name],
    );
  }
}
