/** The pause that an HTTP server asks for (RFC 9110, Retry-After). */

/**
 * The pause in ms from `nowMs` on: of seconds, or until a date; no more than `mostMs`, and none for a date
 * that is past. Undefined where there is no such header, or none that can be read.
 */
export function retryAfterMs(
  header: string | null,
  nowMs: number,
  mostMs: number,
): number | undefined {
  if (header === null) return undefined;
  const isSeconds = /^\d{1,9}$/.test(header.trim());
  const ms = isSeconds ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), mostMs);
}
