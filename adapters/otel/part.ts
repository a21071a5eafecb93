/**
 * A part of the node that is asked when somebody scrapes, for limits.scrapeMs at most. An answer may be used
 * again for a while.
 */
import { type Clock, type Limits, Question } from '#runtime';

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
  readonly #question: Question<T | null>;
  #kept: { readonly answer: T; readonly atMs: number } | null = null;

  constructor(options: PartOptions<T>) {
    this.#options = options;
    this.#question = new Question(() => this.#ask(), options.clock);
  }

  /** What it says; null where it fails, or is late. Never rejects. */
  async look(): Promise<T | null> {
    const { clock, keptMs = 0, limits, onFailure } = this.#options;
    if (this.#kept !== null && clock.now() - this.#kept.atMs < keptMs) return this.#kept.answer;
    const answer = await this.#question.within(limits.scrapeMs, null);
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
    }
  }
}
