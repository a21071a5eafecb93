/**
 * The schema `cognisync`: what the read side remembers about itself beside its rows.
 *
 *     generation   builds of projections and how far each has come; one of each is live, one may be kept
 *     checkpoint   named positions of others who read the log
 *     outbox       what the live links generation has yet to tell (projections/links)
 */
import type { Queryable } from '#runtime';

/** Any number that nobody else uses for an advisory lock: "cogn". */
const setupLock = 0x636f676e;

const statements = [
  'CREATE SCHEMA IF NOT EXISTS cognisync',
  `CREATE TABLE IF NOT EXISTS cognisync.generation (
     projection text NOT NULL,
     number     integer NOT NULL,
     version    integer NOT NULL,
     position   bigint NOT NULL,
     is_live    boolean NOT NULL,
     PRIMARY KEY (projection, number))`,
  // Where the columns are there, ADD COLUMN IF NOT EXISTS would lock the table all the same.
  `DO $$ BEGIN
     IF NOT EXISTS (SELECT FROM pg_attribute WHERE attname = 'reached'
                     AND attrelid = 'cognisync.generation'::regclass) THEN
       ALTER TABLE cognisync.generation
         ADD COLUMN is_kept boolean NOT NULL DEFAULT false,
         ADD COLUMN reached bigint NOT NULL DEFAULT 0;
     END IF;
   END $$`,
  'CREATE SEQUENCE IF NOT EXISTS cognisync.generation_number AS integer',
  // So would CREATE INDEX IF NOT EXISTS, and somebody who holds its rows could wait for us, as we for them.
  `DO $$ BEGIN
     IF to_regclass('cognisync.generation_live') IS NULL THEN
       CREATE UNIQUE INDEX generation_live ON cognisync.generation (projection) WHERE is_live;
     END IF;
   END $$`,
  `CREATE TABLE IF NOT EXISTS cognisync.checkpoint (
     name     text PRIMARY KEY,
     position bigint NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS cognisync.outbox (
     number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     tenant_id   text,
     entity_id   text,
     after_since bigint NOT NULL,
     until_since bigint NOT NULL)`,
];

/**
 * Makes the schema where it is absent. Holds off everybody else who calls it until the transaction
 * ends, as PostgreSQL's IF NOT EXISTS does not stand a race.
 */
export async function ensureBookkeeping(tx: Queryable): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [setupLock]);
  for (const statement of statements) await tx.query(statement);
}

export interface LiveGeneration extends Record<string, unknown> {
  readonly number: number;
  /** Its checkpoint. */
  readonly position: number;
}

/** The generation of a projection that readers see; absent where there is none yet. */
export async function liveGenerationOf(
  tx: Queryable,
  projection: string,
): Promise<LiveGeneration | undefined> {
  const [live] = await tx.query<LiveGeneration>(
    'SELECT number, position FROM cognisync.generation WHERE projection = $1 AND is_live',
    [projection],
  );
  return live;
}
