/**
 * What autovacuum does for a server, for PGlite, which has no background processes: without it dead
 * rows pile up and the planner goes by statistics of an empty table.
 */
import type { Row } from '#runtime';

/** Statements and transactions between two looks. A look costs 2 ms. */
const unitsBetweenLooks = 512;

/** Autovacuum's own thresholds: a base and a share of the rows. */
const candidates = `
  SELECT format('%I.%I', s.schemaname, s.relname) AS name,
         s.n_dead_tup > 50 + 0.2 * c.reltuples
           OR s.n_ins_since_vacuum > 1000 + 0.2 * c.reltuples AS "hasDead"
    FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
   WHERE s.n_dead_tup > 50 + 0.2 * c.reltuples
      OR s.n_ins_since_vacuum > 1000 + 0.2 * c.reltuples
      OR s.n_mod_since_analyze > 50 + 0.1 * c.reltuples`;

export function isUpkeepDue(units: number): boolean {
  return units % unitsBetweenLooks === 0;
}

/** Vacuums and analyses the tables that need it. Not in a transaction. */
export async function upkeep(run: (sql: string) => Promise<readonly Row[]>): Promise<void> {
  await run('SELECT pg_stat_force_next_flush()');
  for (const { name, hasDead } of await run(candidates)) {
    await run(hasDead ? `VACUUM (ANALYZE) ${name}` : `ANALYZE ${name}`);
  }
}
