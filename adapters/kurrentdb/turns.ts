/**
 * Who may write now: one append of a stream at a time, and a bounded number of all streams.
 *
 * An activation never has two appends under way, so the first costs nothing; for others it makes the
 * answers to a repeated append certain. The second keeps time limits honest: they run from the moment
 * that an append is sent, not from the moment that it queues.
 */
import { Turnstile } from '#runtime';

export class Turns {
  readonly #turnstile: Turnstile;
  /** The last of each stream; forgotten when it is done. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(max: number) {
    this.#turnstile = new Turnstile(max);
  }

  /** Runs `work` when it is the stream's turn. */
  async take<T>(stream: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(stream);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#last.set(stream, done);
    try {
      await before;
      return await this.#turnstile.pass(work);
    } finally {
      if (this.#last.get(stream) === done) this.#last.delete(stream);
      resolve();
    }
  }

  /** Resolves when everything that was taken on is done. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }
}
