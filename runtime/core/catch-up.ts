/**
 * Where a projection stands, as values.
 *
 *     catching-up ⇄ live        retrying: a passing fault, tried again with backoff
 *          ╰──▶ retrying ──▶ catching-up
 *          ╰──▶ stopped         a fault that trying again can't mend; only this projection stops
 */
import type { RuntimeError } from '../errors.ts';

export interface CatchUp {
  readonly status: 'catching-up' | 'live' | 'retrying' | 'stopped';
  /** Everything up to here is applied. */
  readonly position: number;
  /** Failures since the last batch that was applied. */
  readonly failures: number;
  readonly error: RuntimeError | null;
  /** Events a second, smoothed over about ten seconds. */
  readonly rate: number;
  readonly updatedMs: number;
}

export function atPosition(position: number, nowMs: number): CatchUp {
  return { status: 'catching-up', position, failures: 0, error: null, rate: 0, updatedMs: nowMs };
}

/** A batch of `events` up to `position` is applied; `live` says that it reached the end. */
export function applied(
  from: CatchUp,
  batch: { readonly events: number; readonly position: number; readonly live: boolean },
  nowMs: number,
): CatchUp {
  return {
    status: batch.live ? 'live' : 'catching-up',
    position: batch.position,
    failures: 0,
    error: null,
    rate: smoothed(from, batch.events, nowMs),
    updatedMs: nowMs,
  };
}

/** A fault: tried again where that can help. */
export function failed(from: CatchUp, error: RuntimeError, nowMs: number): CatchUp {
  return {
    ...from,
    status: error.retryable ? 'retrying' : 'stopped',
    failures: from.failures + 1,
    error,
    rate: smoothed(from, 0, nowMs),
    updatedMs: nowMs,
  };
}

/** The rate as it is now, though nothing happened since. */
export function rateAt(state: CatchUp, nowMs: number): number {
  return smoothed(state, 0, nowMs);
}

const windowMs = 10_000;

/** Each event adds its share and fades over the window. */
function smoothed({ rate, updatedMs }: CatchUp, events: number, nowMs: number): number {
  const faded = rate * Math.exp(-Math.max(0, nowMs - updatedMs) / windowMs);
  return faded + events / (windowMs / 1000);
}
