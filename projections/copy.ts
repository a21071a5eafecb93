/**
 * Rows as PostgreSQL's COPY reads them: a line each, columns parted by tabs.
 *
 * Half the price of the same rows as a statement's jsonb parameter, and they need no key to be there.
 */
import type { KeyedRow } from './effect.ts';
import type { Column } from './table.ts';

/** A row as one line, with its line feed. */
export function lineOf(row: KeyedRow, columns: readonly Column[]): string {
  const values = row as unknown as Readonly<Record<string, unknown>>;
  let line = '';
  for (let at = 0; at < columns.length; at++) {
    const { field, type } = columns[at]!;
    line += (at === 0 ? '' : '\t') + textOf(values[field], type);
  }
  return `${line}\n`;
}

function textOf(value: unknown, type: string): string {
  if (value === null || value === undefined) return '\\N';
  if (type === 'jsonb') return escaped(JSON.stringify(value));
  return typeof value === 'string' ? escaped(value) : String(value);
}

const special = /[\\\t\n\r]/;
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};

function escaped(text: string): string {
  if (!special.test(text)) return text;
  return text.replace(/[\\\t\n\r]/g, (character) => escapes[character]!);
}
