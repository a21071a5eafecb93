/**
 * What a text is made of: its words, its pairs of neighbouring words, and the pieces of its words, each
 * as a 32-bit hash with a weight. Pieces make `deploy`, `deployment` and `redeployed` likes, and so do
 * they with a word and its misspelling; pairs tell `issue blocks page` from `page blocks issue`.
 *
 * The same on every machine: no locale, integers in 32 bits, and of floating point only what IEEE 754
 * rounds correctly (no logarithm). A change here is another model: raise `hashingVersion`.
 */
import { fnv1a, mixed } from '#runtime';

export const hashingVersion = 1;

/** Han and Kana are written without spaces: each character counts as a word, two as a pair. */
const wordPattern =
  /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}]|[[\p{L}\p{M}\p{N}]--[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}]]+/gv;

/** Combining accents of the European scripts; other marks tell words apart and stay. */
const accents = /[\u0300-\u036f]/g;

const wordWeight = 1;
const pairWeight = 0.6;
/** A word of six letters has eleven pieces, which together weigh as much as the word. */
const pieceWeight = 0.3;
/** A word that every English text has says next to nothing. */
const fillerWeight = 0.2;
/** Characters of one word that are cut into pieces, so that a blob of base64 is not all that counts. */
const piecedCharsMax = 40;

const fillers = new Set(
  (
    'a about after all also an and any are as at be been but by can could did do does for from had has have ' +
    'how i if in into is it its me my no not of on or our should so some than that the their them then there ' +
    'these they this to was we were what when where which who why will with would you your'
  ).split(' '),
);

/** Hashes of the features, each with the sum of its squared weights; empty for a text without words. */
export function featuresOf(text: string): ReadonlyMap<number, number> {
  const features = new Map<number, number>();
  const add = (hash: number, weight: number) => {
    features.set(hash, (features.get(hash) ?? 0) + weight * weight);
  };
  let previous: { readonly hash: number; readonly weight: number } | null = null;
  for (const [word] of plain(text).matchAll(wordPattern)) {
    const weight = fillers.has(word) ? fillerWeight : 1;
    const hash = hashOf(word, 0, word.length, 1);
    add(hash, wordWeight * weight);
    if (previous !== null) {
      add(Math.imul(previous.hash, 31) ^ hash, pairWeight * Math.min(weight, previous.weight));
    }
    const bounded = ` ${word.slice(0, piecedCharsMax)} `;
    for (let length = 3; length <= 4; length++) {
      for (let from = 0; from + length <= bounded.length; from++) {
        add(hashOf(bounded, from, from + length, length), pieceWeight * weight);
      }
    }
    previous = { hash, weight };
  }
  return features;
}

/** Without case, accents, and what Unicode has two ways to write. */
function plain(text: string): string {
  return text.normalize('NFKD').replace(accents, '').normalize('NFC').toLowerCase();
}

/** A seed for each family. */
function hashOf(text: string, from: number, to: number, seed: number): number {
  return mixed(fnv1a(text, from, to, seed));
}
