/**
 * A named position in the log, durable, for a reader of the log that has no rows of its own.
 */
import { type ReadStore, RuntimeError } from '#runtime';
import { ensureBookkeeping } from './bookkeeping.ts';

export class Checkpoint {
  readonly #store: ReadStore;
  readonly #name: string;

  constructor(store: ReadStore, name: string) {
    this.#store = store;
    this.#name = name;
  }

  /** The position up to which its reader has come; 0 for a new one. */
  async position(): Promise<number> {
    return this.#store.transaction(async (tx) => {
      await ensureBookkeeping(tx);
      const rows = await tx.query<{ position: number }>(
        `INSERT INTO cognisync.checkpoint (name, position) VALUES ($1, 0)
         ON CONFLICT (name) DO UPDATE SET position = cognisync.checkpoint.position
         RETURNING position`,
        [this.#name],
      );
      return rows[0]!.position;
    });
  }

  /**
   * Moves it, only where it still stands at `from`. Answers where it stands then: `to`, or where
   * another reader has put it. Call `position` first. Throws READ_STORE_UNAVAILABLE (retry).
   */
  async advance(from: number, to: number): Promise<number> {
    const rows = await this.#store.query<{ position: number }>(
      `UPDATE cognisync.checkpoint SET position = CASE position WHEN $2 THEN $3 ELSE position END
       WHERE name = $1 RETURNING position`,
      [this.#name, from, to],
    );
    if (rows[0] !== undefined) return rows[0].position;
    throw new RuntimeError('INVARIANT_BROKEN', `checkpoint ${this.#name} moves but was never read`);
  }
}
