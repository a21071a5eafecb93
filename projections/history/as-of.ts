/**
 * Of which moment somebody asks, as they write it: three forms that can't be taken for one another.
 *
 *     revision:12               after that event of the entity itself
 *     position:4711             after that place of the log
 *     2026-03-01T12:00:00Z      after what was recorded by then; ISO 8601 with a zone
 */
import { isCalendarDay, RuntimeError } from '#runtime';

export type AsOf =
  | { readonly kind: 'revision'; readonly revision: number }
  | { readonly kind: 'position'; readonly position: number }
  | { readonly kind: 'time'; readonly timeMs: number };

/** The longest that is one: a time with nanoseconds and an offset. */
export const asOfCharsMax = 40;

const counted = /^(revision|position):(\d{1,15})$/;
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** Throws REQUEST_INVALID for anything that has none of the forms. */
export function asOfFrom(text: string): AsOf {
  const [, what, digits] = counted.exec(text) ?? [];
  if (what === 'revision') return { kind: 'revision', revision: Number(digits) };
  if (what === 'position') return { kind: 'position', position: Number(digits) };
  if (instant.test(text)) return { kind: 'time', timeMs: msOf(text) };
  const zone = / \d\d:\d\d$/.test(text) ? '; the + of a zone is written %2B in a URL' : '';
  throw new RuntimeError(
    'REQUEST_INVALID',
    `asOf is revision:N, position:N or a time such as 2026-03-01T12:00:00Z${zone}`,
  );
}

/** A time that is cut to milliseconds, as recordings have no more. */
function msOf(text: string): number {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms) && isCalendarDay(text)) return ms;
  throw new RuntimeError('REQUEST_INVALID', `asOf: ${text} is no time of the calendar`);
}
