/** ISO 8601 durations, as far as they have a fixed length: weeks, days, hours, minutes, seconds. */
const pattern =
  /^P(?!$)(?:(\d+)W)?(?:(\d+)D)?(?:T(?!$)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const unitsMs = [7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000];

/** Milliseconds; null for a text that is no such duration. */
export function parseDuration(text: string): number | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const parts = match.slice(1);
  return unitsMs.reduce((sum, unitMs, at) => sum + Number(parts[at] ?? 0) * unitMs, 0);
}
