/** The door of the read stores: PGlite for one process, PostgreSQL for many. */
export { openPglite, type PgliteOptions } from './pglite.ts';
export { openPostgres, type PostgresOptions } from './postgres.ts';
