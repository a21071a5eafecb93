/** How long to wait before the next attempt. */

export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * The pause before attempt `attempt` (from 1), in ms: doubling up to the cap, then spread by `chance`
 * (in [0, 1)) over its upper half, so that those who failed together don't come back together.
 */
export function backoffMs(attempt: number, { baseMs, capMs }: Backoff, chance: number): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return ceiling / 2 + (ceiling / 2) * chance;
}
