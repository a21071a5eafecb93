/**
 * One transaction on one connection, the same way on PGlite and PostgreSQL.
 */
import { type Queryable, type Row, RuntimeError, type SqlValue } from '#runtime';

/** Sends one statement on the connection. */
export type Run = (sql: string, params: readonly SqlValue[]) => Promise<readonly Row[]>;

/**
 * Runs `work` between BEGIN and COMMIT, or ROLLBACK where it throws.
 *
 * A statement that failed fails the whole, even where `work` swallowed its error: PostgreSQL would
 * answer COMMIT with a silent rollback. `abandon` is called where the rollback itself fails: the
 * connection can't be used again.
 */
export async function transact<T>(
  run: Run,
  work: (tx: Queryable) => Promise<T>,
  abandon: (failure: unknown) => void,
): Promise<T> {
  const tx = new Transaction(run);
  await run('BEGIN', []);
  try {
    const result = await work(tx);
    tx.end();
    await run('COMMIT', []);
    return result;
  } catch (thrown) {
    try {
      await run('ROLLBACK', []);
    } catch (failure) {
      abandon(failure);
    }
    throw thrown;
  }
}

class Transaction implements Queryable {
  readonly #run: Run;
  #failure: unknown = null;
  #isOver = false;

  constructor(run: Run) {
    this.#run = run;
  }

  async query<R extends Row>(sql: string, params: readonly SqlValue[] = []): Promise<readonly R[]> {
    if (this.#isOver)
      throw new RuntimeError('INTERNAL', 'the transaction is over', { data: { sql } });
    try {
      return (await this.#run(sql, params)) as readonly R[];
    } catch (thrown) {
      this.#failure ??= thrown;
      throw thrown;
    }
  }

  /** Throws the first failure of a statement. */
  end(): void {
    this.#isOver = true;
    if (this.#failure !== null) throw this.#failure;
  }
}
