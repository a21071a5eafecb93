import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { auditLines, SqliteAudit, verifyAudit } from '#adapters/sqlite';
import type { AuditRecord } from '#runtime';

const folder = mkdtempSync(join(tmpdir(), 'cognisync-audit-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const newFile = () => join(folder, `${files++}.sqlite`);

const record: AuditRecord = {
  at: '2026-11-24T12:00:00.000Z',
  kind: 'admin',
  who: 'ann',
  action: 'restore',
  outcome: 'begun',
};
const texts = fc.string({ unit: 'grapheme' });
const records = fc.array(
  fc.tuple(texts, texts).map(([who, target]) => ({ ...record, who, target })),
  { maxLength: 4 },
);

async function written(batches: readonly (readonly AuditRecord[])[]): Promise<string> {
  const file = newFile();
  const log = new SqliteAudit(file);
  for (const batch of batches) await log.append(batch);
  log.close();
  return file;
}

/** As somebody does who means it: past the triggers. */
function forged(file: string, statement: string): void {
  const db = new DatabaseSync(file);
  for (const trigger of ['line_update', 'line_delete', 'line_insert']) {
    db.exec(`DROP TRIGGER ${trigger}`);
  }
  db.exec(statement);
  db.close();
}

describe('the audit log', () => {
  it('gives back what was added, in order, in a chain that holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(records, { maxLength: 4 }), async (batches) => {
        const file = await written(batches);
        const lines = [...auditLines(file)];
        expect(lines.map((line) => line.record)).toEqual(batches.flat());
        expect(lines.map((line) => line.sequence)).toEqual(lines.map((_, index) => index + 1));
        expect(verifyAudit(file)).toMatchObject({ lines: lines.length, fault: null });
        for (const kept of lines) expect(verifyAudit(file, kept).fault).toBeNull();
      }),
      { numRuns: 20 },
    );
  });

  it('shows a line that was changed, one that is missing, and an end that was cut off', async () => {
    const wanted = fc.record({
      count: fc.integer({ min: 2, max: 5 }),
      at: fc.nat(),
      statement: fc.constantFrom(
        `UPDATE line SET record = replace(record, 'ann', 'eve') WHERE sequence = :at`,
        'DELETE FROM line WHERE sequence = :at',
        'DELETE FROM line WHERE sequence >= :at',
        `UPDATE line SET hash = 'forged' WHERE sequence = :at`,
      ),
    });
    await fc.assert(
      fc.asyncProperty(wanted, async ({ at, count, statement }) => {
        const file = await written(Array.from({ length: count }, () => [record]));
        const kept = [...auditLines(file)].at(-1);
        forged(file, statement.replace(':at', String((at % count) + 1)));
        expect(verifyAudit(file, kept).fault).not.toBeNull();
      }),
      { numRuns: 20 },
    );
  });

  it('shows that all was written anew to whoever kept a place', async () => {
    const kept = [...auditLines(await written([[record, record]]))].at(-1);
    const anew = await written([[{ ...record, who: 'eve' }, record]]);
    expect(verifyAudit(anew).fault).toBeNull();
    expect(verifyAudit(anew, kept).fault).toBe('line 2 has another hash than was kept');
  });

  it('refuses to change, remove or replace a line', async () => {
    const file = await written([[record, record]]);
    const db = new DatabaseSync(file);
    for (const statement of [
      "UPDATE line SET record = '{}'",
      'DELETE FROM line',
      "INSERT OR REPLACE INTO line VALUES (1, '{}', '')",
      "INSERT INTO line VALUES (9, '{}', '')",
    ]) {
      expect(() => db.exec(statement)).toThrow('append-only');
    }
    db.close();
    expect(verifyAudit(file)).toMatchObject({ lines: 2, fault: null });
  });

  it('is one chain, whoever of several writes to it', async () => {
    const file = newFile();
    const [one, other] = [new SqliteAudit(file), new SqliteAudit(file)];
    for (const log of [one, other, other, one]) await log.append([record]);
    expect(one.end()).toEqual(other.end());
    one.close();
    other.close();
    expect(verifyAudit(file)).toMatchObject({ lines: 4, fault: null });
  });

  it('adds all or nothing while another holds it, and goes on afterwards', async () => {
    const file = newFile();
    const log = new SqliteAudit(file);
    const holder = new DatabaseSync(file);
    holder.exec('BEGIN IMMEDIATE');
    await expect(log.append([record, record])).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
    holder.exec('ROLLBACK');
    holder.close();
    await log.append([record]);
    log.close();
    expect(verifyAudit(file)).toMatchObject({ lines: 1, fault: null });
  });

  it('refuses a file that is none of its own, and leaves it as it is', () => {
    const foreign = newFile();
    const db = new DatabaseSync(foreign);
    db.exec('CREATE TABLE theirs (id)');
    db.close();
    const noDatabase = newFile();
    writeFileSync(
      noDatabase,
      'a letter to somebody else, long enough to be read as a page\n'.repeat(99),
    );
    for (const file of [foreign, noDatabase]) {
      const before = readFileSync(file);
      expect(() => new SqliteAudit(file)).toThrow(
        expect.objectContaining({ code: 'DATA_CORRUPT' }),
      );
      expect(readFileSync(file)).toEqual(before);
    }
    expect(() => new SqliteAudit(folder)).toThrow(
      expect.objectContaining({ code: 'AUDIT_UNAVAILABLE' }),
    );
  });

  it('refuses a file of a newer version', async () => {
    const file = await written([[record]]);
    const db = new DatabaseSync(file);
    db.exec('PRAGMA user_version = 2');
    db.close();
    expect(() => new SqliteAudit(file)).toThrow(
      expect.objectContaining({ code: 'DATA_FORMAT_NEWER' }),
    );
  });
});
