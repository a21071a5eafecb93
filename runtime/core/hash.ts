/**
 * Hashes of texts that are the same on every machine and in every version.
 *
 * What is made of them outlives a process: shards of messages under way, vectors, borders of passages. So
 * they never change.
 */

const fnvBasis = 0x811c9dc5;
const fnvPrime = 0x01000193;

/** FNV-1a over the UTF-16 units of text [first, last), a whole one at a time; a seed for each family. */
export function fnv1a(text: string, first: number, last: number, seed = 0): number {
  let hash = fnvBasis ^ seed;
  for (let at = first; at < last; at++) hash = Math.imul(hash ^ text.charCodeAt(at), fnvPrime);
  return hash;
}

/** The same over the bytes of the units of a whole text, low byte first. */
export function fnv1aOfBytes(text: string): number {
  let hash = fnvBasis;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), fnvPrime);
    hash = Math.imul(hash ^ (unit >>> 8), fnvPrime);
  }
  return hash;
}

/** MurmurHash3's last mix, which FNV lacks: its low bits know little of the high ones. */
export function mixed(hash: number): number {
  let left = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  left = Math.imul(left ^ (left >>> 13), 0xc2b2ae35);
  return left ^ (left >>> 16);
}
