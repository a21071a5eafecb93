/**
 * Which message ids a queue or topic has seen within its window. Pure; the store keeps a copy.
 *
 * An id counts from the moment its message is taken in, before it is durable, so that a second one in
 * the same group is a duplicate too; `forget` undoes that when the store refuses.
 */
export class Duplicates {
  readonly #windowMs: number;
  readonly #idsMax: number;
  /** Oldest first. */
  readonly #seenAt = new Map<string, number>();

  constructor(
    windowMs: number,
    idsMax: number,
    seen: Iterable<{ readonly messageId: string; readonly at: number }> = [],
  ) {
    this.#windowMs = windowMs;
    this.#idsMax = idsMax;
    for (const { messageId, at } of seen) this.#seenAt.set(messageId, at);
  }

  get isFull(): boolean {
    return this.#seenAt.size >= this.#idsMax;
  }

  /** False where it was seen within the window; then nothing changes. */
  remember(messageId: string, now: number): boolean {
    const seenAt = this.#seenAt.get(messageId);
    if (seenAt !== undefined && now < seenAt + this.#windowMs) return false;
    this.#seenAt.delete(messageId);
    this.#seenAt.set(messageId, now);
    return true;
  }

  forget(messageId: string): void {
    this.#seenAt.delete(messageId);
  }

  /** Forgets the ids that have left the window, at most so many, and answers them. */
  prune(now: number, idsMax: number): readonly string[] {
    const left: string[] = [];
    for (const [messageId, seenAt] of this.#seenAt) {
      if (now < seenAt + this.#windowMs || left.length >= idsMax) break;
      left.push(messageId);
    }
    for (const messageId of left) this.#seenAt.delete(messageId);
    return left;
  }
}
