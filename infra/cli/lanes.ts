/**
 * Work with keys, many at a time: what has the same key keeps its order, and what has none waits for all
 * before it and is waited for by all after it. The first failure fails whatever is added next.
 */
export class Lanes {
  readonly #widthMax: number;
  readonly #lanes = new Map<string, Promise<void>>();
  #failure: { readonly thrown: unknown } | null = null;

  constructor(widthMax: number) {
    this.#widthMax = widthMax;
  }

  /** Resolves when the work may begin elsewhere, not when it is done. Throws what earlier work threw. */
  async add(key: string | null, work: () => Promise<void>): Promise<void> {
    while (this.#lanes.size > 0 && (key === null || this.#isFull(key))) {
      await Promise.race(this.#lanes.values());
    }
    this.#throwFailure();
    const done = work().then(
      () => this.#leave(key ?? ''),
      (thrown) => {
        this.#failure ??= { thrown };
        this.#leave(key ?? '');
      },
    );
    this.#lanes.set(key ?? '', done);
    if (key === null) await this.end();
  }

  /** Resolves when everything is done. Throws what any of it threw. */
  async end(): Promise<void> {
    await Promise.all(this.#lanes.values());
    this.#throwFailure();
  }

  #isFull(key: string): boolean {
    return this.#lanes.has(key) || this.#lanes.size >= this.#widthMax;
  }

  #leave(key: string): void {
    this.#lanes.delete(key);
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.thrown;
  }
}
