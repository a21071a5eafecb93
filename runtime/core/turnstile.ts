/** Lets a bounded number of pieces of work be under way; the others wait, first come, first served. */
export class Turnstile {
  readonly #max: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** Runs `work` when there is a place for it. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside < this.#max) this.#inside += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The place goes to the longest waiting, if one waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#inside -= 1;
      else next();
    }
  }
}
