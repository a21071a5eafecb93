/** The door of the embedded log. */
export { copySqlite, sealSqlite, unsealSqlite } from './backup.ts';
export { endOfUnused, exchange, holds, type LogEnd, syncPath } from './exchange.ts';
export { type Inspection, inspectSqlite, type LogFacts } from './inspection.ts';
export { openSqlite, type SqliteStore } from './log.ts';
