/** Folded changes do what the changes do one by one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Effects, keyOf, patchedRow, type RowChange } from '#projections';

interface Row {
  readonly tenantId: string;
  readonly id: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly n?: number;
}

const name = fc.constantFrom('a', 'b', 'c', '__proto__', 'toString');
const properties = fc
  .array(fc.tuple(name, fc.constantFrom(null, 0, 'x')), { maxLength: 3 })
  .map((entries) => Object.fromEntries(entries));
const key = { tenantId: fc.constantFrom('t', 'u'), id: fc.constantFrom('1', '2') };
const fields = fc.record({ n: fc.nat() }, { requiredKeys: [] });

const change: fc.Arbitrary<RowChange<Row>> = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    row: fc.record({ ...key, properties, n: fc.nat() }),
  }),
  fc.record({
    ...{ kind: fc.constant('patch' as const), ...key, fields },
    ...{ set: properties, unset: fc.uniqueArray(name, { maxLength: 3 }) },
  }),
  fc.record({ kind: fc.constant('drop' as const), ...key }),
);

type Rows = Readonly<Record<string, Row>>;

function resulting(rows: Rows, changes: Iterable<RowChange<Row>>): Rows {
  const next = new Map(Object.entries(rows));
  for (const one of changes) {
    const row = next.get(keyOf(one));
    if (one.kind === 'put') next.set(keyOf(one), one.row);
    else if (one.kind === 'drop') next.delete(keyOf(one));
    else if (row !== undefined) next.set(keyOf(one), patchedRow(row, one));
  }
  return Object.fromEntries(next);
}

/** Own `__proto__` properties too, which matchers pass over. */
const seen = (rows: Rows) =>
  Object.entries(rows)
    .map(([at, row]) => [at, row.n, Object.entries(row.properties).sort()])
    .sort();

describe('effects', () => {
  it('leave the rows that their changes leave, from any rows', () => {
    fc.assert(
      fc.property(fc.array(change), fc.array(change), (before, changes) => {
        const rows = resulting({}, before);
        const effects = new Effects<Row>();
        for (const one of changes) effects.add(one);
        expect(seen(resulting(rows, effects))).toEqual(seen(resulting(rows, changes)));
      }),
      { numRuns: 500 },
    );
  });

  it('are at most one a row', () => {
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const effects = new Effects<Row>();
        for (const one of changes) effects.add(one);
        const keys = [...effects].map(keyOf);
        expect(new Set(keys)).toEqual(new Set(changes.map(keyOf)));
        expect(keys.length).toBe(new Set(keys).size);
      }),
    );
  });
});
