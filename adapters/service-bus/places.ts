/**
 * The places for deliveries under way, shared by all shards of a node: at most inFlightMax. Who finds
 * none is called when one is free, in turn, so that a busy shard does not starve the others.
 */
export class Places {
  #free: number;
  /** In the order of asking; each at most once. */
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Takes a place; where none is free answers false, and calls `whenFree` once when one is. */
  take(whenFree: () => void): boolean {
    if (this.#free === 0) {
      this.#waiting.add(whenFree);
      return false;
    }
    this.#free -= 1;
    return true;
  }

  giveBack(): void {
    this.#free += 1;
    for (const whenFree of this.#waiting) {
      if (this.#free === 0) return;
      this.#waiting.delete(whenFree);
      whenFree();
    }
  }
}
