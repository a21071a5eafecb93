/** What `doctor` has found: how something is, in words, and what to do about it. */
import { limits } from '#runtime';
import { countOf } from './text.ts';

export interface Finding {
  readonly name: string;
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  /** What is seen; goes on where the name ends. */
  readonly words: string;
  /** What to do; null where that is nothing. */
  readonly advice: string | null;
}

export function well(name: string, words: string): Finding {
  return { name, status: 'healthy', words, advice: null };
}

/** A node would serve, and somebody should look. */
export function doubtful(name: string, words: string, advice: string): Finding {
  return { name, status: 'degraded', words, advice };
}

/** No node would serve. */
export function ill(name: string, words: string, advice: string): Finding {
  return { name, status: 'unhealthy', words, advice };
}

/** The disk with the data folder. */
export function diskFinding(freeBytes: number): Finding {
  const words = diskWords(freeBytes);
  if (freeBytes >= limits.diskFreeBytesLow) return well('disk', words);
  const finding = freeBytes < limits.diskFreeBytesMin ? ill : doubtful;
  return finding('disk', words, 'Free space, or move DATA_DIR to a larger disk.');
}

export function diskWords(freeBytes: number): string {
  return `has ${countOf(freeBytes / 1024 ** 2)} MiB left for the data folder`;
}
