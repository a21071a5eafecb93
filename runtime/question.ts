/**
 * A question about a part that may hang, which many ask and nobody waits for long.
 *
 * Q1: it is asked once at a time; who comes meanwhile waits for the same answer. So a part that does not
 * answer is not asked again until it has, and who looks every second piles nothing up.
 */
import type { Clock } from './ports/clock.ts';

export class Question<T> {
  readonly #ask: () => Promise<T>;
  readonly #clock: Clock;
  #asking: Promise<T> | null = null;

  constructor(ask: () => Promise<T>, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** The answer; `late` where there is none in time. Rejects as the question does. */
  async within<Late>(patienceMs: number, late: Late): Promise<T | Late> {
    this.#asking ??= this.#once();
    const patience = new AbortController();
    const over = this.#clock.sleep(patienceMs, patience.signal).then(
      () => late,
      // Answered in time: the race is over.
      () => late,
    );
    try {
      return await Promise.race([this.#asking, over]);
    } finally {
      patience.abort();
    }
  }

  async #once(): Promise<T> {
    try {
      return await this.#ask();
    } finally {
      this.#asking = null;
    }
  }
}
