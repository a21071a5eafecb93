/**
 * The end of the log, and who waits there for more.
 *
 * An append of this process says so itself. What other processes append is looked for every
 * limits.tailPollMs, by one timer that runs only while somebody waits.
 */
import { limits } from '#runtime';
import { closedLog } from './error.ts';

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Tail {
  readonly #readHead: () => number;
  readonly #waiters = new Set<Waiter>();
  #timer: NodeJS.Timeout | null = null;

  constructor(readHead: () => number) {
    this.#readHead = readHead;
  }

  /**
   * Resolves when there is an event after `position`, or when the signal is aborted. Rejects with what
   * `readHead` throws, or SHUTTING_DOWN.
   */
  async beyond(position: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#readHead() > position) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { position, resolve, reject };
    signal.addEventListener('abort', waiter.resolve);
    this.#waiters.add(waiter);
    this.#timer ??= setInterval(() => this.#poll(), limits.tailPollMs);
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', waiter.resolve);
      this.#waiters.delete(waiter);
      if (this.#waiters.size === 0) this.#stopPolling();
    }
  }

  /** The log now reaches up to `head`. */
  advance(head: number): void {
    for (const waiter of this.#waiters) if (head > waiter.position) waiter.resolve();
  }

  close(): void {
    this.#fail(closedLog());
  }

  #poll(): void {
    try {
      this.advance(this.#readHead());
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #fail(error: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(error);
  }

  #stopPolling(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
