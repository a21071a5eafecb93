/**
 * The read store beyond one machine: PostgreSQL through a bounded pool.
 *
 * Connecting is left to the first query, and lost connections to the pool: the store needs no restart
 * when the server does. Settings of a session that could change answers (time zone, date style) are
 * pinned to PGlite's.
 */
import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import {
  limits,
  type Queryable,
  type ReadStore,
  type Row,
  RuntimeError,
  type SqlValue,
  type StoreLock,
  type TransactionOptions,
} from '#runtime';
import { closedStore, failureOf, saturatedStore } from './failure.ts';
import { type Run, transact } from './transact.ts';
import { parserOf } from './values.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  readonly statementTimeoutMs?: number;
}

/**
 * Texts of values as `values.ts` reads them. No JIT: filters over attributes are overestimated, and compiling them
 * takes longer than running them (a search under a date: 51 ms with it, 29 without).
 */
const settings =
  '-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=1 -c jit=off';

/** The server cancels a statement at its timeout; a server that says nothing is given up this later. */
const silenceMs = 5_000;

/** What the package has; its types say otherwise. */
const arrays = pg.types.arrayParser as unknown as {
  create(text: string, parse: (text: string) => unknown): { parse(): unknown };
};

const types = {
  getTypeParser: (oid: number) =>
    parserOf(oid, (text, parse) => arrays.create(text, parse).parse()),
} as unknown as NonNullable<pg.ClientConfig['types']>;

/**
 * A store on a PostgreSQL server, 15 or newer. Does not connect yet.
 *
 * Throws CONFIG_INVALID for a URL that is none (which is not printed: it may hold a password).
 */
export function openPostgres(options: PostgresOptions): ReadStore {
  const protocol = URL.canParse(options.url) ? new URL(options.url).protocol : '';
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') {
    throw new RuntimeError('CONFIG_INVALID', 'DATABASE_URL must be postgres://user@host/database');
  }
  return new PostgresStore(options.url, options.statementTimeoutMs ?? limits.statementTimeoutMs);
}

/** One connection, for as long as a piece of work takes. */
interface Connection {
  readonly run: Run;
  copy(sql: string, text: string): Promise<void>;
  /** It can't be used again. */
  abandon(failure: unknown): void;
}

type Work<T> = (connection: Connection) => Promise<T>;

class PostgresStore implements ReadStore {
  readonly #pool: pg.Pool;
  readonly #connection: pg.ClientConfig;
  readonly #statementTimeoutMs: number;
  readonly #lockHolders = new Set<pg.Client>();
  /** The pool would drop those that still wait for a connection when it ends. */
  readonly #underWay = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(url: string, statementTimeoutMs: number) {
    this.#statementTimeoutMs = statementTimeoutMs;
    this.#connection = {
      connectionString: url,
      application_name: 'cognisync',
      options: settings,
      connectionTimeoutMillis: limits.readConnectMs,
      keepAlive: true,
      types,
    };
    this.#pool = new pg.Pool({
      ...this.#connection,
      max: limits.readConnectionsMax,
      statement_timeout: statementTimeoutMs,
    });
    // An idle connection was lost: the pool has dropped it and makes another when one is needed.
    this.#pool.on('error', () => undefined);
  }

  query<R extends Row>(sql: string, params: readonly SqlValue[] = []): Promise<readonly R[]> {
    return this.#connected(async ({ run }) => (await run(sql, params)) as readonly R[]);
  }

  transaction<T>(
    work: (tx: Queryable) => Promise<T>,
    { isPatient = false }: TransactionOptions = {},
  ): Promise<T> {
    return this.#connected(
      ({ run, abandon }) =>
        transact(
          run,
          async (tx) => {
            if (isPatient) await tx.query('SET LOCAL statement_timeout = 0');
            return work(tx);
          },
          abandon,
        ),
      isPatient,
    );
  }

  copy(target: string, lines: string): Promise<void> {
    return this.#connected((connection) => connection.copy(`COPY ${target} FROM STDIN`, lines));
  }

  async lock(name: string): Promise<StoreLock | null> {
    if (this.#isClosed) throw closedStore();
    const holder = new pg.Client(this.#connection);
    // Its connection was lost and the lock with it; whoever relies on it finds out by its guards.
    holder.on('error', () => this.#lockHolders.delete(holder));
    const release = async () => {
      this.#lockHolders.delete(holder);
      await holder.end();
    };
    const sql = 'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS held';
    try {
      await holder.connect();
      const { rows } = await holder.query<{ held: boolean }>(sql, [name]);
      if (rows[0]?.held === true) {
        this.#lockHolders.add(holder);
        return { release };
      }
    } catch (thrown) {
      await release();
      throw failureOf(thrown as Error, sql);
    }
    await release();
    return null;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.allSettled(this.#underWay);
    await this.#pool.end();
    await Promise.all([...this.#lockHolders].map((holder) => holder.end()));
  }

  async #connected<T>(work: Work<T>, isPatient = false): Promise<T> {
    if (this.#isClosed) throw closedStore();
    const waiting = this.#pool.waitingCount;
    if (waiting >= limits.readsWaitingMax) throw saturatedStore(waiting);
    const unit = this.#onConnection(work, isPatient);
    this.#underWay.add(unit);
    try {
      return await unit;
    } finally {
      this.#underWay.delete(unit);
    }
  }

  /** Runs `work` with a connection of its own, which is given back, or dropped where it broke. */
  async #onConnection<T>(work: Work<T>, isPatient: boolean): Promise<T> {
    const client = await this.#connect();
    let broken: Error | undefined;
    const onLoss = (error: Error) => {
      broken = error;
    };
    client.on('error', onLoss);
    const silence = isPatient ? {} : { query_timeout: this.#statementTimeoutMs + silenceMs };
    const sent = async <R>(sql: string, send: () => Promise<R>): Promise<R> => {
      try {
        return await send();
      } catch (thrown) {
        // What the server did not say itself, the connection did: it is lost or silent.
        if (!(thrown instanceof pg.DatabaseError)) broken ??= thrown as Error;
        throw failureOf(thrown as Error, sql);
      }
    };
    const connection: Connection = {
      run: (sql, params) =>
        sent(sql, async () => {
          const values = params as unknown[];
          return (await client.query<Row>({ text: sql, values, ...silence })).rows;
        }),
      copy: (sql, text) =>
        sent(sql, async () => {
          const stream = client.query(Object.assign(copyFrom(sql), silence));
          stream.end(text);
          await finished(stream);
        }),
      abandon: (failure) => {
        broken ??= failure as Error;
      },
    };
    try {
      return await work(connection);
    } finally {
      client.off('error', onLoss);
      client.release(broken);
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (thrown) {
      throw failureOf(thrown as Error);
    }
  }
}
