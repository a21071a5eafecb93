/** Every read store there is, fresh and empty: what a suite over all of them runs on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPglite, openPostgres } from '#adapters/postgres';
import type { ReadStore } from '#runtime';
import { putDatabase } from './database-template.ts';
import { isLong } from './effort.ts';
import { createDatabase, hasPostgres, hasVectors } from './postgres.ts';

export interface StoreUnderTest {
  readonly store: ReadStore;
  /** The same data in another store, as another node or a restart has it; `store` may be closed. */
  readonly reopen: () => Promise<ReadStore>;
  /** Closes every store and removes the data. */
  readonly dispose: () => Promise<void>;
}

export interface StoreKind {
  readonly name: string;
  readonly make: (options?: { readonly statementTimeoutMs?: number }) => Promise<StoreUnderTest>;
}

const pglite: StoreKind = {
  name: 'PGlite',
  make: async (options = {}) => {
    const folder = await mkdtemp(join(tmpdir(), 'cognisync-pglite-'));
    const dataDir = join(folder, 'graph');
    putDatabase(dataDir);
    return underTest(
      () => openPglite({ dataDir, ...options }),
      () => rm(folder, { recursive: true }),
    );
  },
};

const postgres: StoreKind = {
  name: 'PostgreSQL',
  make: async (options = {}) => {
    const database = await createDatabase();
    return underTest(
      async () => openPostgres({ url: database.url, ...options }),
      () => database.drop(),
    );
  },
};

export const storeKinds: readonly StoreKind[] = hasPostgres ? [pglite, postgres] : [pglite];

/** Those that can hold the index. */
export const vectorKinds: readonly StoreKind[] = hasVectors ? [pglite, postgres] : [pglite];

/**
 * For suites that try much of what is the same SQL on both: all in `test:long`, else PostgreSQL where it
 * answers, on which they take a third of the time.
 */
export const chosenKinds: readonly StoreKind[] = isLong ? storeKinds : storeKinds.slice(-1);

/** The same of those that can hold the index. */
export const chosenVectorKinds: readonly StoreKind[] = isLong ? vectorKinds : vectorKinds.slice(-1);

async function underTest(
  open: () => Promise<ReadStore>,
  remove: () => Promise<void>,
): Promise<StoreUnderTest> {
  const opened: ReadStore[] = [];
  const reopen = async () => {
    const store = await open();
    opened.push(store);
    return store;
  };
  return {
    store: await reopen(),
    reopen,
    dispose: async () => {
      for (const store of opened) await store.close();
      await remove();
    },
  };
}

/** Drops all schemas of ours, so that the next test finds an empty store without opening one. */
export async function empty(store: ReadStore): Promise<void> {
  const schemas = await store.query<{ name: string }>(
    `SELECT quote_ident(nspname) AS name FROM pg_namespace
      WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')`,
  );
  for (const { name } of schemas) await store.query(`DROP SCHEMA ${name} CASCADE`);
}
