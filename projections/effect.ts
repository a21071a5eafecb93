/**
 * Changes of rows, and their net effect: of many changes of one row, one.
 *
 * The order within a row decides, the order between rows does not. `effectOf` composes as if the
 * changes were applied one by one, which a property test holds it to.
 */
export type Properties = Readonly<Record<string, unknown>>;

/** What every row has. */
export interface KeyedRow {
  readonly tenantId: string;
  readonly id: string;
  readonly properties?: Properties;
}

export type RowChange<Row extends KeyedRow = KeyedRow> =
  /** The whole row, whatever was there. */
  | { readonly kind: 'put'; readonly row: Row }
  /** New values of a row that is there; nothing where none is. */
  | Patch<Row>
  | { readonly kind: 'drop'; readonly tenantId: string; readonly id: string };

export interface Patch<Row extends KeyedRow = KeyedRow> {
  readonly kind: 'patch';
  readonly tenantId: string;
  readonly id: string;
  readonly fields: Partial<Omit<Row, keyof KeyedRow>>;
  readonly set: Properties;
  /** Names that go; before `set`. */
  readonly unset: readonly string[];
}

/** The row after a patch. */
export function patchedRow<Row extends KeyedRow>(row: Row, patch: Patch<Row>): Row {
  return { ...row, ...patch.fields, properties: patched(row.properties ?? {}, patch) };
}

/** One change that does what `before` and then `change` do. */
export function effectOf<Row extends KeyedRow>(
  before: RowChange<Row> | undefined,
  change: RowChange<Row>,
): RowChange<Row> {
  if (before === undefined || change.kind !== 'patch') return change;
  if (before.kind === 'drop') return before;
  if (before.kind === 'put') return { kind: 'put', row: patchedRow(before.row, change) };
  return {
    ...change,
    fields: { ...before.fields, ...change.fields },
    set: patched(before.set, change),
    unset: [...before.unset, ...change.unset],
  };
}

/** The net effects on one table, by row. */
export class Effects<Row extends KeyedRow = KeyedRow> {
  readonly #byKey = new Map<string, RowChange<Row>>();
  #weight = 0;

  /** About how many characters it holds. */
  get weight(): number {
    return this.#weight;
  }

  add(change: RowChange<Row>): void {
    const key = keyOf(change);
    const before = this.#byKey.get(key);
    this.#byKey.set(key, effectOf(before, change));
    this.#weight += propertiesWeight(change) + (before === undefined ? rowWeight : 0);
  }

  [Symbol.iterator](): Iterator<RowChange<Row>> {
    return this.#byKey.values();
  }
}

export function keyOf(change: RowChange): string {
  return keyOfRow(change.kind === 'put' ? change.row : change);
}

/** A row's key as one string: tenants hold no `/`. */
export function keyOfRow({ tenantId, id }: Pick<KeyedRow, 'tenantId' | 'id'>): string {
  return `${tenantId}/${id}`;
}

function patched(properties: Properties, { set, unset }: Patch): Properties {
  if (unset.length === 0) return { ...properties, ...set };
  const left = Object.entries(properties).filter(([name]) => !unset.includes(name));
  return { ...Object.fromEntries(left), ...set };
}

/** Columns other than properties, roughly. */
const rowWeight = 256;

function propertiesWeight(change: RowChange): number {
  if (change.kind === 'drop') return 0;
  let weight = 0;
  const properties = change.kind === 'put' ? change.row.properties : change.set;
  for (const name in properties) {
    const value = properties[name];
    weight += name.length + (typeof value === 'string' ? value.length : 16);
  }
  return weight;
}
