/** The schema of one generation in the store: its tables, keys, indexes, and the views on it. */
import { limits, type Queryable, type ReadStore } from '#runtime';
import type { Plan } from './plan.ts';

/** What is asked of a plan here; its changes do not matter. */
type Shape = Pick<Plan<never>, 'name' | 'tables' | 'indexes' | 'views' | 'digested'>;

export function schemaOf(plan: { readonly name: string }, generation: number): string {
  return `${plan.name}_${generation}`;
}

/** Makes the schema with its tables and their keys. */
export async function makeSchema(tx: Queryable, plan: Shape, schema: string): Promise<void> {
  // One of this name is nobody's: the bookkeeping was reset by hand.
  await tx.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  await tx.query(`CREATE SCHEMA ${schema}`);
  for (const statement of plan.tables(schema)) await tx.query(statement);
}

/** Takes the keys away: rows are copied faster without, and the keys made faster afterwards. */
export async function dropKeys(tx: Queryable, plan: Shape, schema: string): Promise<void> {
  for (const table of tablesOf(plan)) {
    await tx.query(`ALTER TABLE ${schema}.${table} DROP CONSTRAINT ${table}_pkey`);
  }
}

/** Makes the keys that are missing. */
export async function ensureKeys(store: ReadStore, plan: Shape, schema: string): Promise<void> {
  const rows = await store.query<{ table: string }>(
    `SELECT c.relname AS "table" FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
      WHERE k.contype = 'p' AND k.connamespace = to_regnamespace($1)`,
    [schema],
  );
  const keyed = rows.map(({ table }) => table);
  const missing = tablesOf(plan).filter((table) => !keyed.includes(table));
  await runApart(
    store,
    missing.map((table) => `ALTER TABLE ${schema}.${table} ADD PRIMARY KEY (tenant_id, id)`),
  );
}

/** Makes the indexes that are missing, and takes statistics. */
export async function ensureIndexes(store: ReadStore, plan: Shape, schema: string): Promise<void> {
  await runApart(store, plan.indexes(schema));
  await runApart(
    store,
    tablesOf(plan).map((table) => `ANALYZE ${schema}.${table}`),
  );
}

export async function emptyTables(store: ReadStore, plan: Shape, schema: string): Promise<void> {
  const tables = tablesOf(plan).map((table) => `${schema}.${table}`);
  await store.query(`TRUNCATE ${tables.join(', ')}`);
}

/** Gives the schema another name, when nobody writes into it any more. */
export async function renameSchema(
  tx: Queryable,
  plan: Shape,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  const tables = tablesOf(plan).map((table) => `${from}.${table}`);
  await tx.query(`LOCK TABLE ${tables.join(', ')} IN ACCESS EXCLUSIVE MODE`);
  await tx.query(`DROP SCHEMA IF EXISTS ${to} CASCADE`);
  await tx.query(`ALTER SCHEMA ${from} RENAME TO ${to}`);
}

/** Points the views of readers to a generation's schema. */
export async function showSchema(tx: Queryable, plan: Shape, schema: string): Promise<void> {
  await tx.query(`CREATE SCHEMA IF NOT EXISTS ${plan.name}`);
  for (const [view, select] of Object.entries(plan.views(schema))) {
    await tx.query(`DROP VIEW IF EXISTS ${plan.name}.${view}`);
    await tx.query(`CREATE VIEW ${plan.name}.${view} AS ${select}`);
  }
}

function tablesOf({ digested }: Shape): readonly string[] {
  return Object.keys(digested);
}

/** Statements that take their time, each in a transaction of its own, several under way. */
async function runApart(store: ReadStore, statements: readonly string[]): Promise<void> {
  const waiting = [...statements];
  const lane = async () => {
    for (let sql = waiting.shift(); sql !== undefined; sql = waiting.shift()) {
      const statement = sql;
      await store.transaction((tx) => tx.query(statement), { isPatient: true });
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: limits.loadStatementsMax }, lane));
  for (const one of lanes) if (one.status === 'rejected') throw one.reason;
}
