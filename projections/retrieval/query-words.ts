/**
 * A question taken apart into what is looked for.
 *
 *     who approved "refund flow" of OPS-12 -draft
 *         words      approved, ops-12     any of them; the rarer, the more it counts
 *         phrases    refund flow          all of them must be there
 *         excluded   draft                none of them may be
 *
 * Words of English that every question has are left out where others remain: they find half of all
 * texts, at the price of reading through it. Those of other languages only count little.
 */
import { limits } from '#runtime';
import type { Parameters } from '../graph/answer.ts';
import { searchable } from '../graph/plan.ts';

export interface QueryWords {
  readonly words: readonly string[];
  readonly phrases: readonly string[];
  readonly excluded: readonly string[];
}

const commonWords: ReadonlySet<string> = new Set(
  (
    'a about an and any are as at be been but by can could did do does for from had has have how i if ' +
    'in into is it its me my no not of on or our should so some that the their them there these they ' +
    'this those to was we were what when where which who whom whose why will with would you your'
  ).split(' '),
);

/** At most limits.queryWordsMax of them; those that come first. */
export function queryWords(q: string): QueryWords {
  const words = new Set<string>();
  const phrases = new Set<string>();
  const excluded = new Set<string>();
  for (const [token, minus, quoted] of q.matchAll(/(-?)"([^"]*)"?|\S+/gu)) {
    const isExcluded = minus === '-' || (minus === undefined && /^-/u.test(token));
    const text = (quoted ?? token.replace(/^-/u, '')).trim().toLowerCase();
    if (!/[\p{L}\p{N}]/u.test(text)) continue;
    if (words.size + phrases.size + excluded.size >= limits.queryWordsMax) break;
    if (isExcluded) excluded.add(text);
    else if (quoted !== undefined) phrases.add(text);
    else words.add(text);
  }
  const telling = [...words].filter((word) => !commonWords.has(bare(word)));
  const isCommon = telling.length === 0 && phrases.size === 0;
  return {
    words: isCommon ? [...words] : telling,
    phrases: [...phrases],
    excluded: [...excluded],
  };
}

/** `who's` and `where?` are common, too. */
function bare(word: string): string {
  return word
    .replace(/['’](s|re|ll|d|ve|m)?\W*$/u, '')
    .replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
}

/** A parameter as a query: a word, or several next to each other, as PostgreSQL's parser splits it. */
export function termOf(parameter: string): string {
  return `phraseto_tsquery('simple', ${searchable(parameter)})`;
}

/** The query of all that an answer may show as a match; null where nothing is looked for. */
export function anyTermOf({ words, phrases }: QueryWords, params: Parameters): string | null {
  const terms = [...words, ...phrases].map((term) => termOf(params.add(term)));
  return terms.length === 0 ? null : `(${terms.join(' || ')})`;
}

/** The query of what must be there and what must not; null where there is neither. */
export function conditionOf({ phrases, excluded }: QueryWords, params: Parameters): string | null {
  const terms = [
    ...phrases.map((phrase) => termOf(params.add(phrase))),
    ...excluded.map((word) => `!!${termOf(params.add(word))}`),
  ];
  return terms.length === 0 ? null : `(${terms.join(' && ')})`;
}
