/**
 * Text as everything downstream can keep it: no characters that a store or a log refuses, and no more
 * of it than an event may hold.
 */
import { limits } from '#runtime';
import { at, listAt, stringAt } from './json.ts';

/** Jira's summaries and Confluence's titles end at 255; a line is anything of that kind. */
const lineCharsMax = 255;
/** 100 lines × 255 × 3 bytes: the three lists of an issue and its text stay below one event. */
const linesMax = 100;

export const cutMark = '\n[…]';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be removed
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

/** Without control characters and halves of surrogate pairs; line ends and tabs stay. */
export function clean(text: string): string {
  return text.replace(controls, '').toWellFormed();
}

/** Running text, cut and marked at limits.textCharsMax. */
export function prose(text: string): string {
  const kept = clean(text);
  if (kept.length <= limits.textCharsMax) return kept;
  return kept.slice(0, limits.textCharsMax - cutMark.length).toWellFormed() + cutMark;
}

/** A name or a title on one line; undefined where there is none. */
export function lineAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = stringAt(value, ...path);
  if (found === undefined) return undefined;
  return clean(found.slice(0, lineCharsMax)).trim() || undefined;
}

/** Names in a list of strings, or of objects with a name; null where it is no list. */
export function linesAt(value: unknown, ...path: readonly string[]): string[] | undefined {
  if (!Array.isArray(at(value, ...path))) return undefined;
  return listAt(value, ...path)
    .map((entry) =>
      typeof entry === 'string' ? lineAt({ entry }, 'entry') : lineAt(entry, 'name'),
    )
    .filter((line) => line !== undefined)
    .slice(0, linesMax);
}
