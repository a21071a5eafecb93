/**
 * Net effects on tables, as SQL, in lots: some rows to a statement, several statements under way.
 *
 * Into a table that has rows, a lot is one statement for what goes, for whole rows, or for patches.
 * Rows travel as one jsonb parameter, which measured faster than arrays of columns (46 against 37
 * thousand rows a second on PGlite). Into an empty table they are copied: there nothing can go and
 * nothing can be patched. Each row has one effect, so lots have no order among themselves.
 */
import { limits, type Queryable, type ReadStore } from '#runtime';
import { lineOf } from './copy.ts';
import type { RowChange } from './effect.ts';

/** Field of the row in JavaScript → column, with its SQL type. */
export interface Column {
  readonly field: string;
  readonly name: string;
  readonly type: string;
  /** SQL on row `t` that is there: where it holds, the row keeps its value. */
  readonly keptWhere?: string;
}

/** A table keyed (tenant_id, id). */
export interface Table {
  readonly name: string;
  /** All columns that are written, the two of the key first. */
  readonly columns: readonly Column[];
}

/** Definitions of the key's columns, for the statement that makes a table. No locale decides their order. */
export const keyDefinition = 'tenant_id text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL';

/** The key's columns, as they are written. */
export const keyColumns: readonly Column[] = [
  { field: 'tenantId', name: 'tenant_id', type: 'text' },
  { field: 'id', name: 'id', type: 'text' },
];

/** What a digest of these tables covers beside their keys: all that is written. */
export function digestedOf(tables: readonly Table[]): Readonly<Record<string, readonly string[]>> {
  const columnsOf = ({ columns }: Table) =>
    columns.slice(keyColumns.length).map(({ name }) => name);
  return Object.fromEntries(tables.map((table) => [table.name, columnsOf(table)]));
}

/** What happens to the rows of one table. */
export interface TableEffects {
  readonly table: Table;
  readonly effects: Iterable<RowChange>;
}

/** Writes into tables that may have rows, with their keys made; `statementsMax` at a time. */
export async function writeEffects(
  queryable: Queryable,
  schema: string,
  all: readonly TableEffects[],
  statementsMax: number,
): Promise<void> {
  const sending = new Sending(statementsMax);
  for (const { table, effects } of all) {
    const target = `${schema}.${table.name}`;
    const statement = (sql: string) =>
      new Lot((rows) => queryable.query(sql, [`[${rows.join(',')}]`]));
    const lots = {
      drop: statement(dropSql(target)),
      put: statement(putSql(target, table)),
      patch: statement(patchSql(target, table)),
    };
    for (const effect of effects) {
      const lot = lots[effect.kind];
      lot.add(JSON.stringify(rowOf(effect)));
      if (lot.isFull) await sending.send(lot);
    }
    for (const lot of Object.values(lots)) await sending.send(lot);
  }
  await sending.end();
}

/** Fills tables that are empty and need no keys yet. After a failure empty them before the next try. */
export async function copyRows(
  store: ReadStore,
  schema: string,
  all: readonly TableEffects[],
  statementsMax: number,
): Promise<void> {
  const sending = new Sending(statementsMax);
  for (const { table, effects } of all) {
    const names = table.columns.map(({ name }) => name).join(', ');
    const lot = new Lot((rows) => store.copy(`${schema}.${table.name} (${names})`, rows.join('')));
    for (const effect of effects) {
      if (effect.kind === 'put') lot.add(lineOf(effect.row, table.columns));
      if (lot.isFull) await sending.send(lot);
    }
    await sending.send(lot);
  }
  await sending.end();
}

function rowOf(effect: RowChange): object {
  if (effect.kind === 'put') return effect.row;
  const { tenantId, id } = effect;
  if (effect.kind === 'drop') return { tenantId, id };
  return { tenantId, id, ...effect.fields, set: effect.set, unset: effect.unset };
}

/** Rows on their way into one statement. */
class Lot {
  readonly #write: (rows: readonly string[]) => Promise<unknown>;
  #rows: string[] = [];
  #chars = 0;

  constructor(write: (rows: readonly string[]) => Promise<unknown>) {
    this.#write = write;
  }

  get isFull(): boolean {
    return this.#chars >= limits.loadStatementCharsMax;
  }

  get isEmpty(): boolean {
    return this.#rows.length === 0;
  }

  add(row: string): void {
    this.#rows.push(row);
    this.#chars += row.length;
  }

  /** Sends what it holds, and holds nothing. */
  write(): Promise<unknown> {
    const rows = this.#rows;
    this.#rows = [];
    this.#chars = 0;
    return this.#write(rows);
  }
}

/** Statements under way. After a failure it sends nothing more. */
class Sending {
  readonly #statementsMax: number;
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly thrown: unknown } | null = null;

  constructor(statementsMax: number) {
    this.#statementsMax = statementsMax;
  }

  async send(lot: Lot): Promise<void> {
    if (lot.isEmpty) return;
    if (this.#underWay.size >= this.#statementsMax) await Promise.race(this.#underWay);
    if (this.#failure !== null) return this.end();
    const sent = lot.write().then(
      () => undefined,
      (thrown) => {
        this.#failure ??= { thrown };
      },
    );
    this.#underWay.add(sent);
    void sent.then(() => this.#underWay.delete(sent));
  }

  /** Resolves when all is written; throws the first failure, when nothing is under way any more. */
  async end(): Promise<void> {
    await Promise.all(this.#underWay);
    if (this.#failure !== null) throw this.#failure.thrown;
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
  const updates = columns.slice(2).map((column) => updateOf(column, `excluded.${column.name}`));
  return `INSERT INTO ${target} AS t (${names})
    SELECT ${fields} FROM jsonb_to_recordset($1::jsonb) AS r(${recordOf(columns)})
    ON CONFLICT (tenant_id, id) DO UPDATE SET ${updates.join(', ')}`;
}

function patchSql(target: string, { columns }: Table): string {
  const patched = columns.filter(({ name }) => name !== 'properties');
  const updates = patched
    .slice(2)
    .map((column) => updateOf(column, `coalesce(r."${column.field}", t.${column.name})`));
  return `UPDATE ${target} t
    SET properties = (t.properties - r.unset) || r.set, ${updates.join(', ')}
    FROM jsonb_to_recordset($1::jsonb)
      AS r(${recordOf(patched)}, set jsonb, unset text[]) ${keyed}`;
}

function updateOf({ name, keptWhere }: Column, value: string): string {
  if (keptWhere === undefined) return `${name} = ${value}`;
  return `${name} = CASE WHEN ${keptWhere} THEN t.${name} ELSE ${value} END`;
}

function recordOf(columns: readonly Column[]): string {
  return columns.map(({ field, type }) => `"${field}" ${type}`).join(', ');
}
