/**
 * The order of writes: (extractedAt, messageId).
 *
 * A stamp is one string that sorts like the pair: the instant in fixed width, UTC, nanoseconds, then
 * the message's id. Sources deliver late, twice and out of order, so nothing here knows arrival; of two
 * writes of one register the greater stamp wins, whichever came first (promise 4). Stamps of different
 * messages never tie; the same message again has the same stamp and is therefore never newer.
 */
export type Stamp = string;

/** Length of the instant in a stamp: `2026-11-24T18:37:16.000000000Z`. */
const instantChars = 30;

/**
 * The stamp of a write. `extractedAt` is ISO 8601 with a zone, as the contracts check it; fractions of
 * a second count to the ninth digit.
 */
export function stampOf(extractedAt: string, messageId: string): Stamp {
  return canonicalInstant(extractedAt) + messageId;
}

/** Whether a register may be written: it is empty, or its last write is older. */
export function isNewer(stamp: Stamp, than: Stamp | null | undefined): boolean {
  return than === null || than === undefined || stamp > than;
}

/** Whether a register's last write came from this message. */
export function isFrom(stamp: Stamp | null | undefined, messageId: string): boolean {
  return (
    stamp !== null &&
    stamp !== undefined &&
    stamp.length === instantChars + messageId.length &&
    stamp.endsWith(messageId)
  );
}

/** The same instant in UTC with nine digits of fraction, so that text order is time order. */
function canonicalInstant(text: string): string {
  // The common form needs no arithmetic: 2026-11-24T18:37:16.123Z
  if (text.length === 24 && text.endsWith('Z')) return `${text.slice(0, 23)}000000Z`;
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  const seconds = new Date(Math.floor(Date.parse(text) / 1000) * 1000).toISOString();
  return `${seconds.slice(0, 19)}.${fraction.padEnd(9, '0')}Z`;
}
