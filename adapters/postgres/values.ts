/**
 * How PostgreSQL's values look in JavaScript: one table for PGlite and `pg`, so that the same query
 * answers the same values from both.
 *
 * int8 is a number within 2^53 and a bigint beyond; json and jsonb are parsed; bytea is a plain
 * Uint8Array; numeric, dates and times stay text, as their forms in JavaScript lose digits or zones.
 */
type Parse = (text: string) => unknown;

const asIs: Parse = (text) => text;

const scalars: Readonly<Record<number, Parse>> = {
  16: (text) => text === 't',
  17: (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex')),
  20: (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text)),
  21: Number,
  23: Number,
  26: Number,
  114: JSON.parse,
  700: Number,
  701: Number,
  1082: asIs,
  1083: asIs,
  1114: asIs,
  1184: asIs,
  1186: asIs,
  1266: asIs,
  1700: asIs,
  3802: JSON.parse,
};

/** Array type → element type, for the arrays that our queries answer. */
const elements: Readonly<Record<number, number>> = {
  1000: 16,
  1005: 21,
  1007: 23,
  1009: 25,
  1015: 1043,
  1016: 20,
  1021: 700,
  1022: 701,
  3807: 3802,
};

/** Parsers by type oid; a type that is not in it stays text. */
export const scalarParsers = scalars;

/** The parser of a type; `parseArray` splits an array's text and parses each element. */
export function parserOf(
  oid: number,
  parseArray: (text: string, element: Parse) => unknown,
): Parse {
  const element = elements[oid];
  if (element === undefined) return scalars[oid] ?? asIs;
  const parseElement = scalars[element] ?? asIs;
  return (text) => parseArray(text, parseElement);
}
