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
  queryable: Queryable,
  schema: string,
  table: Table,
  effects: Iterable<RowChange<Row>>,
): Promise<void> {
  const target = `${schema}.${table.name}`;
  const lots = {
    drop: new Lot(queryable, dropSql(target)),
    put: new Lot(queryable, putSql(target, table)),
    patch: new Lot(queryable, patchSql(target, table)),
  };
  // Each row has one effect, so the order of the three does not matter.
  for (const effect of effects) {
    const lot = lots[effect.kind];
    lot.add(rowOf(effect));
    if (lot.isFull) await lot.send();
  }
  for (const lot of Object.values(lots)) await lot.send();
}

function rowOf<Row extends KeyedRow>(effect: RowChange<Row>): object {
  if (effect.kind === 'put') return effect.row;
  const { tenantId, id } = effect;
  if (effect.kind === 'drop') return { tenantId, id };
  return { tenantId, id, ...effect.fields, set: effect.set, unset: effect.unset };
}

/** Rows on their way into one statement. */
class Lot {
  readonly #queryable: Queryable;
  readonly #sql: string;
  #rows: string[] = [];
  #chars = 0;

  constructor(queryable: Queryable, sql: string) {
    this.#queryable = queryable;
    this.#sql = sql;
  }

  get isFull(): boolean {
    return this.#chars >= statementCharsMax;
  }

  add(row: object): void {
    const json = JSON.stringify(row);
    this.#rows.push(json);
    this.#chars += json.length;
  }

  async send(): Promise<void> {
    if (this.#rows.length === 0) return;
    const rows = `[${this.#rows.join(',')}]`;
    this.#rows = [];
    this.#chars = 0;
    await this.#queryable.query(this.#sql, [rows]);
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
