/**
 * What the sinks of stored generations share, and the sink of a generation that is complete.
 *
 * S1: a settled sink commits rows and checkpoint in one transaction, whose first statement moves the
 * checkpoint from where the runner saw it; it locks that row, so of two runners one applies and the
 * other learns where the first stands. S2: a sink applies only to a generation that is what it was, and
 * whose number was never another's.
 */
import {
  type ChangeBatch,
  type Checksum,
  type GenerationState,
  type Queryable,
  type ReadStore,
  RuntimeError,
  type Sink,
} from '#runtime';
import { digestOf } from './digest.ts';
import type { Plan } from './plan.ts';
import { schemaOf } from './schema.ts';
import { writeEffects } from './table.ts';

export abstract class StoredSink<Change> implements Sink<Change> {
  readonly generation: number;
  protected readonly store: ReadStore;
  protected readonly plan: Plan<Change>;
  protected readonly schema: string;
  protected readonly state: GenerationState;

  constructor(store: ReadStore, plan: Plan<Change>, generation: number, state: GenerationState) {
    this.store = store;
    this.plan = plan;
    this.generation = generation;
    this.schema = schemaOf(plan, generation);
    this.state = state;
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
      `SELECT position FROM cognisync.generation WHERE ${itself}`,
      this.#itself,
    );
    if (row !== undefined) return row.position;
    const what = `generation ${this.generation} of ${this.plan.name}`;
    throw new RuntimeError('READ_STORE_UNAVAILABLE', `${what} is no longer ${this.state}`);
  }

  /** Moves the stored checkpoint where it is `from`, and locks it; says whether it did. */
  protected async moves(queryable: Queryable, from: number, to: number): Promise<boolean> {
    const moved = await queryable.query(
      `UPDATE cognisync.generation SET position = $5, reached = $5
        WHERE ${itself} AND position = $6 RETURNING number`,
      [...this.#itself, to, from],
    );
    return moved.length === 1;
  }

  /** Says that rows may be there of events up to `to`; true where the checkpoint still is `from`. */
  protected async reaches(from: number, to: number): Promise<boolean> {
    const told = await this.store.query(
      `UPDATE cognisync.generation SET reached = greatest(reached, $5)
        WHERE ${itself} AND position = $6 RETURNING number`,
      [...this.#itself, to, from],
    );
    return told.length === 1;
  }

  get #itself(): [string, number, boolean, boolean] {
    return [this.plan.name, this.generation, this.state === 'live', this.state === 'kept'];
  }
}

const itself = 'projection = $1 AND number = $2 AND is_live = $3 AND is_kept = $4';

/** Applies each batch at once, to the live generation or to the kept one. Only the live one announces. */
export class SettledSink<Change> extends StoredSink<Change> {
  position(): Promise<number> {
    return this.stands(this.store);
  }

  async apply({ changes, from, to }: ChangeBatch<Change>): Promise<number> {
    const fold = this.plan.fold();
    fold.add(changes);
    return this.store.transaction(async (tx) => {
      if (!(await this.moves(tx, from, to))) return this.stands(tx);
      await writeEffects(tx, this.schema, fold.effects, 1);
      if (this.state === 'live') await this.plan.announce?.(tx, this.schema, from, to);
      return to;
    });
  }
}
