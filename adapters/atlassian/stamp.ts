/**
 * When the source had a state: the `extractedAt` of every message.
 *
 * One rule: a stamp is a time at which the source is known to have had that state already, never later.
 *  - An object that was sent: its own time of change (issue `updated`, comment `updated`, page
 *    `modificationDate`).
 *  - Something mentioned beside it (a linked issue's title, a person's name): the time of change of the
 *    object that mentions it. The body was made after that, so the mention is at least as new; should
 *    the mentioned object have changed since, its own statement carries a later time and wins.
 *  - A happening (deleted, moved, restored): the body's `timestamp`.
 *  - That something exists at all, where a body names it and says no more: the oldest time there is, so
 *    that it is newer than nothing.
 *  - Where none of these can be believed, the time of receipt.
 *
 * Times are milliseconds. What happens within one is ordered by rank, written into the ninth digit: a
 * statement beats a mention, a deletion the last update, a restoration the deletion, a purge all.
 */
import { limits } from '#runtime';

export const ranks = {
  mention: 0,
  statement: 1,
  deletion: 2,
  restoration: 3,
  purge: 4,
} as const;

export type Rank = keyof typeof ranks;

export interface Stamp {
  /** ISO 8601 in UTC. */
  readonly at: string;
  /** Whether the source said it; else it is the time of receipt and another delivery has another. */
  readonly isKnown: boolean;
}

/** 1 January 2000: below it stand zeros and seconds taken for milliseconds, not times of change. */
const earliestMs = Date.UTC(2000, 0, 1);

/** Older than every stamp that a source can give. */
export const dawn: Stamp = { at: new Date(earliestMs).toISOString(), isKnown: true };

const zoned = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/;

/**
 * A time as Atlassian writes it, in milliseconds: a number of 13 digits or ISO 8601 with a zone.
 * Undefined for anything else, and for a time that lies further ahead of `nowMs` than clocks may differ:
 * it would win over every true statement until then.
 */
export function timeOf(value: unknown, nowMs: number): number | undefined {
  const ms = typeof value === 'string' && zoned.test(value) ? Date.parse(value) : value;
  if (typeof ms !== 'number' || !Number.isSafeInteger(ms)) return undefined;
  return ms >= earliestMs && ms <= nowMs + limits.sourceSkewMsMax ? ms : undefined;
}

/** The first of the candidates that can be believed, else the time of receipt. */
export function stampOf(
  candidates: readonly unknown[],
  receivedAtMs: number,
  rank: Rank = 'statement',
): Stamp {
  for (const candidate of candidates) {
    const ms = timeOf(candidate, receivedAtMs);
    if (ms !== undefined) return { at: instant(ms, rank), isKnown: true };
  }
  return { at: instant(receivedAtMs, rank), isKnown: false };
}

/** The same time with another rank. */
export function ranked(stamp: Stamp, rank: Rank): Stamp {
  return { ...stamp, at: instant(Date.parse(stamp.at), rank) };
}

function instant(ms: number, rank: Rank): string {
  const text = new Date(ms).toISOString();
  return rank === 'mention' ? text : `${text.slice(0, -1)}00000${ranks[rank]}Z`;
}
