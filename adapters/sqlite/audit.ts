/**
 * The audit log: a file of its own, in which each line is chained to the one before it.
 *
 *     line   sequence │ record │ hash        hash = SHA-256 of the hash before, a line feed, and the record
 *
 * A1: sequences are 1, 2, 3 …. A2: lines are never changed or removed; triggers refuse it, and whoever goes
 * past them breaks the chain, which `verifyAudit` sees. A3: who cuts off the last lines, or writes all anew,
 * is seen by whoever kept a sequence with its hash elsewhere.
 *
 * Several processes may write to it, one at a time. Lines are few: what happens often is counted first.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type AuditLog, type AuditRecord, limits, RuntimeError } from '#runtime';
import { appendOnly, isEmpty, pragma } from './format.ts';

/** `CoAu`; what `PRAGMA application_id` and file(1) show. */
const applicationId = 0x436f4175;
/** `PRAGMA user_version`. A file with a higher one is refused, not guessed at. */
const formatVersion = 1;

const schema = `
  CREATE TABLE line (
    sequence INTEGER PRIMARY KEY,
    record   TEXT NOT NULL,
    hash     TEXT NOT NULL
  ) STRICT;
  ${appendOnly('line', 'the audit log').join(' ')}
  CREATE TRIGGER line_insert BEFORE INSERT ON line
  WHEN NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM line)
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${formatVersion};
`;

/** A place in the chain; kept elsewhere, it shows whether everything up to it is still there. */
export interface AuditPlace {
  readonly sequence: number;
  readonly hash: string;
}

export interface AuditLine extends AuditPlace {
  readonly record: AuditRecord;
}

interface Row extends AuditPlace {
  readonly record: string;
}

/** Before the first line. */
const beginning: AuditPlace = { sequence: 0, hash: '' };

const hashOf = (before: string, record: string) =>
  createHash('sha256').update(`${before}\n${record}`).digest('hex');

export class SqliteAudit implements AuditLog {
  readonly #db: DatabaseSync;
  readonly #file: string;

  /** Makes the file where there is none. Throws AUDIT_UNAVAILABLE, DATA_CORRUPT or DATA_FORMAT_NEWER. */
  constructor(file: string) {
    this.#file = file;
    this.#db = onAudit(file, () => {
      const db = new DatabaseSync(file, { timeout: limits.auditLockMs });
      try {
        // Before anything in a foreign file is touched.
        if (!isEmpty(db)) assertOurs(db, file);
        db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON');
        inTransaction(db, () => {
          if (isEmpty(db)) db.exec(schema);
        });
        return db;
      } catch (thrown) {
        db.close();
        throw thrown;
      }
    });
  }

  async append(records: readonly AuditRecord[]): Promise<void> {
    onAudit(this.#file, () => {
      inTransaction(this.#db, () => {
        const insert = this.#db.prepare('INSERT INTO line VALUES (?, ?, ?)');
        let { sequence, hash } = endOf(this.#db);
        for (const record of records) {
          const text = JSON.stringify(record);
          sequence += 1;
          hash = hashOf(hash, text);
          insert.run(sequence, text, hash);
        }
      });
    });
  }

  /** The last line's place; worth keeping where nobody who writes here can write. */
  end(): AuditPlace {
    return onAudit(this.#file, () => endOf(this.#db));
  }

  close(): void {
    this.#db.close();
  }
}

/** The lines of an audit log, in order, as they are while it is read. Throws as `SqliteAudit` does. */
export function* auditLines(file: string): Generator<AuditLine> {
  for (const { record, ...place } of rowsOf(file)) yield { ...place, record: JSON.parse(record) };
}

export interface AuditVerdict {
  readonly lines: number;
  readonly end: AuditPlace;
  /** The first thing that is wrong; null: it is whole. */
  readonly fault: string | null;
}

/** Follows the chain from its beginning, past a place that was kept elsewhere where one is given. */
export function verifyAudit(file: string, kept?: AuditPlace): AuditVerdict {
  let end = beginning;
  for (const { sequence, record, hash } of rowsOf(file)) {
    const fault = faultOf({ sequence, record, hash }, end);
    if (fault !== null) return { lines: end.sequence, end, fault };
    end = { sequence, hash };
    if (sequence === kept?.sequence && hash !== kept.hash) {
      return { lines: sequence, end, fault: `line ${sequence} has another hash than was kept` };
    }
  }
  const isShort = kept !== undefined && end.sequence < kept.sequence;
  const fault = isShort ? `it ends at line ${end.sequence}, before ${kept.sequence}` : null;
  return { lines: end.sequence, end, fault };
}

function faultOf({ sequence, record, hash }: Row, before: AuditPlace): string | null {
  if (sequence !== before.sequence + 1) return `line ${before.sequence + 1} is missing`;
  return hash === hashOf(before.hash, record) ? null : `line ${sequence} was changed`;
}

/** Read at a time, so that no reader holds the file for long. */
const pageRows = 1_000;

function* rowsOf(file: string): Generator<Row> {
  if (!existsSync(file)) throw new RuntimeError('NOT_FOUND', `there is no audit log ${file}`);
  const db = onAudit(file, () => {
    const opened = new DatabaseSync(file, { readOnly: true, timeout: limits.auditLockMs });
    assertOurs(opened, file);
    return opened;
  });
  try {
    const page = db.prepare('SELECT * FROM line WHERE sequence > ? ORDER BY sequence LIMIT ?');
    for (let after = 0; ; ) {
      const rows = onAudit(file, () => page.all(after, pageRows) as unknown as readonly Row[]);
      yield* rows;
      if (rows.length < pageRows) return;
      after = rows.at(-1)!.sequence;
    }
  } finally {
    db.close();
  }
}

function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    work();
    db.exec('COMMIT');
  } catch (thrown) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw thrown;
  }
}

function endOf(db: DatabaseSync): AuditPlace {
  const row = db.prepare('SELECT sequence, hash FROM line ORDER BY sequence DESC LIMIT 1').get();
  return (row as AuditPlace | undefined) ?? beginning;
}

function assertOurs(db: DatabaseSync, file: string): void {
  if (pragma(db, 'application_id') !== applicationId) {
    throw new RuntimeError('DATA_CORRUPT', `${file} is no audit log of CogniSync`);
  }
  const version = Number(pragma(db, 'user_version'));
  if (version <= formatVersion) return;
  const message = `${file} has format ${version}; this version knows formats up to ${formatVersion}`;
  throw new RuntimeError('DATA_FORMAT_NEWER', message);
}

/** SQLite's codes for a file that is none, or is damaged. https://sqlite.org/rescode.html */
const corrupt: readonly number[] = [11, 26];

function onAudit<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof RuntimeError) throw thrown;
    const { errcode, message } = thrown as Error & { readonly errcode?: number };
    const code = corrupt.includes((errcode ?? 0) & 0xff) ? 'DATA_CORRUPT' : 'AUDIT_UNAVAILABLE';
    throw new RuntimeError(code, `the audit log ${file}: ${message}`, { cause: thrown });
  }
}
