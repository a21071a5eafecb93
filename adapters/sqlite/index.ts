/** The door of the embedded log. */
export { openSqlite, type SqliteStore } from './log.ts';
