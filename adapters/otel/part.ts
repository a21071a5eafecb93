/**
 * A part of the node that is asked when somebody scrapes, in bounded time.
 *
 * One question at a time: who asks while it is under way waits for its answer, and no longer than
 * limits.scrapeMs. An answer may be used again for a while.
 */
import type { Clock, Limits } from '#runtime';

export interface PartOptions<T> {
  readonly ask: () => Promise<T>;
  /** How long an answer is used. 0: it is asked for each time. */
  readonly keptMs?: number;
  /** Told of each look that got no answer. */
  readonly onFailure: () => void;
  readonly clock: Clock;
  readonly limits: Pick<Limits, 'scrapeMs'>;
}

export class Part<T> {
  readonly #options: PartOptions<T>;
  #asking: Promise<T | null> | null = null;
  #kept: { readonly answer: T; readonly atMs: number } | null = null;

  constructor(options: PartOptions<T>) {
    this.#options = options;
  }

  /** What it says; null where it fails, or is late. Never rejects. */
  async look(): Promise<T | null> {
    const { clock, keptMs = 0, limits, onFailure } = this.#options;
    if (this.#kept !== null && clock.now() - this.#kept.atMs < keptMs) return this.#kept.answer;
    this.#asking ??= this.#ask();
    const patience = new AbortController();
    const late = clock.sleep(limits.scrapeMs, patience.signal).then(
      () => null,
      () => null,
    );
    const answer = await Promise.race([this.#asking, late]);
    patience.abort();
    if (answer === null) onFailure();
    return answer;
  }

  async #ask(): Promise<T | null> {
    try {
      const answer = await this.#options.ask();
      this.#kept = { answer, atMs: this.#options.clock.now() };
      return answer;
    } catch {
      // That there is none is counted; what ails the part is told by who depends on it.
      return null;
    } finally {
      this.#asking = null;
    }
  }
}
