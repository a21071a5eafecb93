/**
 * A database of its own on a running PostgreSQL, made for one suite and dropped after it.
 *
 * Where no server answers, suites name what they did not run: `describe.runIf(hasPostgres)`.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';

const server = 'postgres://postgres@127.0.0.1:5432';

/** Whether a server answers; asked once a test file. */
export const hasPostgres = await answers();

/** Whether it has pgvector; without, suites name what they did not run: `describe.runIf(hasVectors)`. */
export const hasVectors = hasPostgres && (await offersVectors());

export interface TestDatabase {
  readonly url: string;
  /** Cuts every connection to it, as a restart of the server does. */
  disconnect(): Promise<void>;
  drop(): Promise<void>;
}

export async function createDatabase(): Promise<TestDatabase> {
  const name = `cognisync_${randomUUID().replaceAll('-', '')}`;
  await administer(`CREATE DATABASE ${name}`);
  return {
    url: `${server}/${name}`,
    disconnect: () =>
      administer(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
      ),
    drop: () => administer(`DROP DATABASE ${name} WITH (FORCE)`),
  };
}

async function administer(sql: string): Promise<void> {
  const client = new pg.Client(`${server}/postgres`);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function offersVectors(): Promise<boolean> {
  const client = new pg.Client(`${server}/postgres`);
  await client.connect();
  try {
    const { rowCount } = await client.query(
      `SELECT FROM pg_available_extensions WHERE name = 'vector'`,
    );
    if (rowCount === 0) console.log(`NOT RUN on PostgreSQL: ${server} has no pgvector`);
    return rowCount !== 0;
  } finally {
    await client.end();
  }
}

async function answers(): Promise<boolean> {
  try {
    await administer('SELECT 1');
    return true;
  } catch (thrown) {
    console.log(`NOT RUN on PostgreSQL: no server at ${server} (${(thrown as Error).message})`);
    return false;
  }
}
