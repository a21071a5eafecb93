/**
 * A long text cut into passages, such that a change in one place leaves those far from it as they are.
 *
 *     text ─▶ pieces, none above the bound: paragraphs, else lines, sentences, words, characters
 *          ─▶ passages of neighbouring pieces
 *
 * Where a passage begins is a matter of the piece itself: by a hash of what stands there, a piece of n
 * characters begins one in n of `strideChars` cases. Were passages filled up one after the other, a word
 * more on the first page would move the borders of all that follow, and all would be embedded again.
 */

import { fnv1a } from '#runtime';

/** A stretch [first, last) of a text, in UTF-16 units. */
export interface Stretch {
  readonly first: number;
  readonly last: number;
}

/** Distance of two beginnings, on average, and how long a passage must be for another to begin. */
const strideChars = 1_024;
const passageCharsMin = 200;

/** Where a text is cut, best first; the cut is behind. Each takes linear time on any text. */
const borders: readonly RegExp[] = [
  /\n\s*\n\s*/g,
  /\n\s*/g,
  /[.!?…]["'”’»)\]]{0,3}\s+|[。！？]/g,
  /\s+/g,
];

/**
 * Passages of at most `charsMax`, in order, without the white space around them; together they have
 * everything else of the text. No surrogate pair is split.
 */
export function passagesOf(text: string, charsMax: number): readonly Stretch[] {
  const found: Stretch[] = [];
  let first = 0;
  for (const piece of pieces(text, { first: 0, last: text.length }, charsMax)) {
    const isLong = piece.last - first > charsMax;
    if (isLong || (piece.first - first >= passageCharsMin && isBeginning(text, piece))) {
      found.push({ first, last: piece.first });
      first = piece.first;
    }
  }
  found.push({ first, last: text.length });
  return found.flatMap((stretch) => trimmed(text, stretch));
}

/** The last place at or before `at` that is not within a surrogate pair. */
export function cutBefore(text: string, at: number): number {
  const isWithin = isHigh(text.charCodeAt(at - 1)) && isLow(text.charCodeAt(at));
  return isWithin ? at - 1 : at;
}

function* pieces(
  text: string,
  { first, last }: Stretch,
  charsMax: number,
  level = 0,
): Generator<Stretch> {
  if (last - first <= charsMax) {
    if (last > first) yield { first, last };
    return;
  }
  let from = first;
  for (const to of cuts(text, { first, last }, charsMax, level)) {
    yield* pieces(text, { first: from, last: to }, charsMax, level + 1);
    from = to;
  }
}

/** Where the pieces of a stretch end; the last is its end. */
function* cuts(
  text: string,
  { first, last }: Stretch,
  charsMax: number,
  level: number,
): Generator<number> {
  const border = borders[level];
  if (border === undefined) {
    for (let at = first; last - at > charsMax; ) {
      at = cutBefore(text, at + charsMax);
      yield at;
    }
  } else {
    const search = new RegExp(border);
    search.lastIndex = first;
    for (let found = search.exec(text); found !== null; found = search.exec(text)) {
      if (search.lastIndex >= last) break;
      yield search.lastIndex;
    }
  }
  yield last;
}

function isBeginning(text: string, piece: Stretch): boolean {
  const [content] = trimmed(text, piece);
  if (content === undefined) return false;
  return hashOf(text, content) % strideChars < content.last - content.first;
}

function hashOf(text: string, { first, last }: Stretch): number {
  const hash = fnv1a(text, first, last);
  // The low bits of a product know little of the high ones.
  return (hash ^ (hash >>> 15)) >>> 0;
}

function trimmed(text: string, { first, last }: Stretch): readonly Stretch[] {
  const content = text.slice(first, last);
  const begin = first + content.length - content.trimStart().length;
  const end = begin + content.trim().length;
  return end > begin ? [{ first: begin, last: end }] : [];
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
