/** The door of the embedded log, and of the audit log. */
export { type AuditLine, type AuditPlace, auditLines, SqliteAudit, verifyAudit } from './audit.ts';
export { copySqlite, sealSqlite, unsealSqlite } from './backup.ts';
export { endOfUnused, exchange, holds, type LogEnd, syncPath } from './exchange.ts';
export { type Inspection, inspectSqlite, type LogFacts } from './inspection.ts';
export { openSqlite, type SqliteStore } from './log.ts';
