/** What of this process's memory a rebuild may take. */
import { getHeapStatistics } from 'node:v8';
import { limits } from '#runtime';

/** Heap of a folded character, measured: 2.3 bytes, two folds at a time, and what is on its way. */
const heapBytesAChar = 6;

/** Characters that the largest projection folds at a time: a third of the heap, within bounds. */
export function foldedCharsMax(heapBytes: number = getHeapStatistics().heap_size_limit): number {
  const affordable = Math.floor(heapBytes / 3 / heapBytesAChar);
  return Math.min(Math.max(affordable, limits.foldedCharsMin), limits.foldedCharsMax);
}
