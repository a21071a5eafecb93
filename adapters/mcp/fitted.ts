/**
 * An answer within limits.mcpAnswerCharsMax, its long texts shortened as far as that takes.
 *
 * Only what people wrote is shortened: texts under `properties`, `data` and `snippet`. Ids, addresses and
 * cursors stay whole, or they would name something else. What is still too long is an error that says to
 * ask for less.
 */
import { limits, RuntimeError } from '#runtime';

const written: readonly string[] = ['properties', 'data', 'snippet'];

/** UTF-16 units of one text: a page, a passage, a sentence, a few words. */
const steps = [16_000, 4_000, 1_000, 200, 50];

/** Throws QUERY_TOO_LARGE. */
export function fitted<Told extends object>(
  answer: Told,
): { readonly answer: Told; readonly isShortened: boolean } {
  if (isFitting(answer)) return { answer, isShortened: false };
  for (const charsMax of steps) {
    const shorter = shortened(answer, charsMax, false) as Told;
    if (isFitting(shorter)) return { answer: shorter, isShortened: true };
  }
  const message = `the answer is longer than ${limits.mcpAnswerCharsMax} characters; ask for less`;
  throw new RuntimeError('QUERY_TOO_LARGE', message);
}

function isFitting(answer: object): boolean {
  return JSON.stringify(answer).length <= limits.mcpAnswerCharsMax;
}

function shortened(value: unknown, charsMax: number, isWritten: boolean): unknown {
  if (typeof value === 'string') {
    if (!isWritten || value.length <= charsMax) return value;
    return `${value.slice(0, charsMax).toWellFormed()}…`;
  }
  if (Array.isArray(value)) return value.map((one) => shortened(one, charsMax, isWritten));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      shortened(one, charsMax, isWritten || written.includes(name)),
    ]),
  );
}
