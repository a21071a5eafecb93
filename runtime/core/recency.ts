/**
 * The order of use: who was used longest ago stands first.
 *
 * A list whose links are in its members, so that a use costs a few assignments and no allocation. A Map
 * keeps order, too, but walks over everything deleted at its front each time it is asked for the first.
 */
export interface Linked<T> {
  older: T | null;
  newer: T | null;
}

export class Recency<T extends Linked<T>> {
  #oldest: T | null = null;
  #newest: T | null = null;

  /** Adds a member, or moves it to the end. */
  use(member: T): void {
    if (member === this.#newest) return;
    this.remove(member);
    member.older = this.#newest;
    if (this.#newest === null) this.#oldest = member;
    else this.#newest.newer = member;
    this.#newest = member;
  }

  /** Takes a member out; nothing where it is not in. */
  remove(member: T): void {
    const { older, newer } = member;
    if (older !== null) older.newer = newer;
    else if (this.#oldest === member) this.#oldest = newer;
    if (newer !== null) newer.older = older;
    else if (this.#newest === member) this.#newest = older;
    member.older = null;
    member.newer = null;
  }

  /** From the longest unused on. A member may be removed while it is looked at. */
  *[Symbol.iterator](): Generator<T> {
    for (let member = this.#oldest; member !== null; ) {
      const next: T | null = member.newer;
      yield member;
      member = next;
    }
  }
}
