/**
 * Net effects on a table, as SQL: one statement for what goes, one for whole rows, one for patches,
 * however many rows. Rows travel as one jsonb parameter, which measured faster than arrays of columns
 * (46 against 37 thousand rows a second on PGlite).
 */
import type { Queryable } from '#runtime';
import type { KeyedRow, RowChange } from './effect.ts';

/** Field of the row in JavaScript → column, with its SQL type. */
export interface Column {
  readonly field: string;
  readonly name: string;
  readonly type: string;
}

/** A table keyed (tenant_id, id). */
export interface Table {
  readonly name: string;
  /** All columns that are written, the two of the key first. */
  readonly columns: readonly Column[];
}

/** Characters of one statement's rows. PGlite takes 10 ms a million. */
const statementCharsMax = 2 * 1024 * 1024;

export async function writeEffects<Row extends KeyedRow>(
  tx: Queryable,
  schema: string,
  table: Table,
  effects: Iterable<RowChange<Row>>,
): Promise<void> {
  const drops: string[] = [];
  const puts: string[] = [];
  const patches: string[] = [];
  for (const effect of effects) {
    if (effect.kind === 'drop') {
      drops.push(JSON.stringify({ tenantId: effect.tenantId, id: effect.id }));
    } else if (effect.kind === 'put') puts.push(JSON.stringify(effect.row));
    else {
      const { tenantId, id, fields, set, unset } = effect;
      patches.push(JSON.stringify({ tenantId, id, ...fields, set, unset }));
    }
  }
  const target = `${schema}.${table.name}`;
  await inStatements(tx, dropSql(target), drops);
  await inStatements(tx, putSql(target, table), puts);
  await inStatements(tx, patchSql(target, table), patches);
}

async function inStatements(tx: Queryable, sql: string, rows: readonly string[]): Promise<void> {
  for (let start = 0; start < rows.length; ) {
    let end = start;
    for (let chars = 0; end < rows.length && (end === start || chars < statementCharsMax); end++) {
      chars += rows[end]!.length;
    }
    await tx.query(sql, [`[${rows.slice(start, end).join(',')}]`]);
    start = end;
  }
}

const keyed = 'WHERE t.tenant_id = r."tenantId" AND t.id = r.id';

function dropSql(target: string): string {
  return `DELETE FROM ${target} t
    USING jsonb_to_recordset($1::jsonb) AS r("tenantId" text, id text) ${keyed}`;
}

function putSql(target: string, { columns }: Table): string {
  const names = columns.map(({ name }) => name).join(', ');
  const fields = columns.map(({ field }) => `r."${field}"`).join(', ');
  const updates = columns.slice(2).map(({ name }) => `${name} = excluded.${name}`);
  return `INSERT INTO ${target} (${names})
    SELECT ${fields} FROM jsonb_to_recordset($1::jsonb) AS r(${recordOf(columns)})
    ON CONFLICT (tenant_id, id) DO UPDATE SET ${updates.join(', ')}`;
}

function patchSql(target: string, { columns }: Table): string {
  const patched = columns.filter(({ name }) => name !== 'properties');
  const updates = patched
    .slice(2)
    .map(({ field, name }) => `${name} = coalesce(r."${field}", t.${name})`);
  return `UPDATE ${target} t
    SET properties = (t.properties - r.unset) || r.set, ${updates.join(', ')}
    FROM jsonb_to_recordset($1::jsonb)
      AS r(${recordOf(patched)}, set jsonb, unset text[]) ${keyed}`;
}

function recordOf(columns: readonly Column[]): string {
  return columns.map(({ field, type }) => `"${field}" ${type}`).join(', ');
}
