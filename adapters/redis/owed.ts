/**
 * Invalidations that Redis has not been told of yet: by tenant, each tag once, and where they would be
 * more than are worth keeping, one note that everything must go.
 */
export class Owed {
  readonly #max: number;
  readonly #byTenant = new Map<string, Set<string>>();
  #count = 0;
  #isEverything = false;

  constructor(max: number) {
    this.#max = max;
  }

  get isEmpty(): boolean {
    return this.#count === 0 && !this.#isEverything;
  }

  add(tenantId: string, tags: readonly string[]): void {
    if (this.#isEverything) return;
    const owed = this.#byTenant.get(tenantId) ?? new Set();
    this.#byTenant.set(tenantId, owed);
    this.#count -= owed.size;
    for (const tag of tags) owed.add(tag);
    this.#count += owed.size;
    if (this.#count > this.#max) this.addEverything();
  }

  addEverything(): void {
    this.#byTenant.clear();
    this.#count = 0;
    this.#isEverything = true;
  }

  /** What is owed, which is no longer noted here: whoever fails to tell it adds it again. */
  take(): { readonly isEverything: boolean; readonly tags: readonly [string, string[]][] } {
    const tags = [...this.#byTenant].map(([tenantId, owed]): [string, string[]] => [
      tenantId,
      [...owed],
    ]);
    const isEverything = this.#isEverything;
    this.#byTenant.clear();
    this.#count = 0;
    this.#isEverything = false;
    return { isEverything, tags };
  }
}
