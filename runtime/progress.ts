/**
 * How far a projection's rows have come, for those who must not speak of what is not in them yet.
 *
 * The projector moves it on after each batch that is in the rows; others wait for a position without
 * looking again and again. G1: it never moves back, and never stands ahead of the rows: where another
 * node applies too, the rows may be further. G2: whoever waited and gave up leaves nothing behind, and
 * no more than limits.progressWaitersMax wait.
 */
import { RuntimeError } from './errors.ts';
import { limits } from './limits.ts';

interface Waiter {
  readonly position: number;
  readonly arrived: () => void;
}

export class Progress {
  #position = 0;
  readonly #waiters = new Set<Waiter>();

  /** All that the projection wants up to here is in its rows. */
  get position(): number {
    return this.#position;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Called by the projector alone; a position that was reached before changes nothing. */
  advance(position: number): void {
    if (position <= this.#position) return;
    this.#position = position;
    for (const waiter of this.#waiters) {
      if (waiter.position > position) continue;
      this.#waiters.delete(waiter);
      waiter.arrived();
    }
  }

  /**
   * Resolves when the rows are at a position or beyond it, however long that takes; rejects with the
   * signal's reason, or with READ_STORE_UNAVAILABLE where too many wait.
   */
  async reached(position: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (position <= this.#position) return;
    if (this.#waiters.size >= limits.progressWaitersMax) {
      const message = `${this.#waiters.size} wait for the rows to reach their position`;
      throw new RuntimeError('READ_STORE_UNAVAILABLE', message);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { position, arrived: resolve };
    const giveUp = () => {
      this.#waiters.delete(waiter);
      reject(signal.reason);
    };
    this.#waiters.add(waiter);
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }
}
