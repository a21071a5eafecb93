/**
 * Cuts a filter expression into tokens.
 *
 *     name      letter, then letters, digits, `_`; keywords are names too, whatever their case
 *     [name]    with any characters, `]]` for a bracket; "name" the same
 *     'text'    with any characters, `''` for a quote
 *     1  1.5  2E3
 *     = <> != < <= > >= ( ) , . + -
 */
import { FilterMistake } from './subject.ts';

export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly at: number }
  | { readonly kind: 'name'; readonly text: string; readonly at: number }
  | { readonly kind: 'text'; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly value: number; readonly text: string; readonly at: number }
  | { readonly kind: 'sign'; readonly text: string; readonly at: number };

const pattern = new RegExp(
  [
    /(?<space>\s+)/,
    /(?<word>[\p{L}_][\p{L}\p{Nd}_]*)/u,
    /\[(?<bracketed>(?:[^\]]|\]\])+)\]/,
    /"(?<quoted>(?:[^"]|"")+)"/,
    /'(?<text>(?:[^']|'')*)'/,
    /(?<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/,
    /(?<sign><>|!=|<=|>=|[=<>(),.+-])/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'uy',
);

export function tokensOf(expression: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < expression.length) {
    pattern.lastIndex = at;
    const match = pattern.exec(expression);
    if (match?.groups === undefined) {
      throw new FilterMistake(`at ${at + 1}: '${expression[at]}' has no meaning here`);
    }
    const token = tokenOf(match.groups, at);
    if (token !== null) tokens.push(token);
    at = pattern.lastIndex;
  }
  return tokens;
}

function tokenOf(found: Readonly<Record<string, string | undefined>>, at: number): Token | null {
  const { word, bracketed, quoted, text, number, sign } = found;
  if (word !== undefined) return { kind: 'word', text: word, at };
  if (bracketed !== undefined) return { kind: 'name', text: bracketed.replaceAll(']]', ']'), at };
  if (quoted !== undefined) return { kind: 'name', text: quoted.replaceAll('""', '"'), at };
  if (text !== undefined) return { kind: 'text', text: text.replaceAll("''", "'"), at };
  if (number !== undefined) return { kind: 'number', value: Number(number), text: number, at };
  if (sign !== undefined) return { kind: 'sign', text: sign, at };
  return null;
}
