/** Time that stands still until a test moves it. */
import type { Clock } from '#runtime';

interface Timer {
  readonly atMs: number;
  readonly ring: () => void;
}

export class ManualClock implements Clock {
  #nowMs: number;
  /** In the order of ringing; equal times ring in the order of setting. */
  readonly #timers: Timer[] = [];

  constructor(startMs = Date.UTC(2026, 10, 24, 12)) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const cancel = () => {
        this.#timers.splice(this.#timers.indexOf(timer), 1);
        reject(signal?.reason);
      };
      const timer: Timer = {
        atMs: this.#nowMs + ms,
        ring: () => {
          signal?.removeEventListener('abort', cancel);
          resolve();
        },
      };
      signal?.addEventListener('abort', cancel, { once: true });
      const later = this.#timers.findIndex(({ atMs }) => atMs > timer.atMs);
      this.#timers.splice(later < 0 ? this.#timers.length : later, 0, timer);
    });
  }

  /** Timers that have not rung. */
  get waiting(): number {
    return this.#timers.length;
  }

  /** Moves to the next timer and rings it. Answers false where none is set. */
  ringNext(): boolean {
    const timer = this.#timers.shift();
    if (timer === undefined) return false;
    this.#nowMs = Math.max(this.#nowMs, timer.atMs);
    timer.ring();
    return true;
  }

  /** Moves on by `ms`, ringing what is due on the way, each before the next is looked for. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    while (this.#timers[0] !== undefined && this.#timers[0].atMs <= untilMs) {
      this.ringNext();
      await quiet();
    }
    this.#nowMs = untilMs;
  }
}

/** Resolves when every microtask that can run has run. */
export function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
