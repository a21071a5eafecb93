/**
 * The end of the log, as far as this process knows it, and who waits there for more.
 *
 * Three ways lead to the news: an append of this process says so itself; what other processes append,
 * the server pushes over one subscription, which says only that there is more and is not what consumers
 * read; and should that subscription be silent or lost, somebody asks every limits.logCheckMs. A server
 * that does not answer then fails all who wait, so that a silent one holds nobody for ever.
 *
 *     no subscription ──somebody waits──▶ subscribed ──it fails──▶ no subscription, and a check
 */
import type { AllStreamSubscription, KurrentDBClient } from '@kurrent/kurrentdb-client';
import { END, streamNameFilter } from '@kurrent/kurrentdb-client';
import type { Limits } from '#runtime';
import { closedLog } from './failure.ts';
import { everything } from './filter.ts';
import { isOurs, positionOf } from './record.ts';

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface TailOptions {
  readonly client: KurrentDBClient;
  readonly limits: Limits;
  readonly readHead: () => Promise<number>;
  readonly position: number;
}

export class Tail {
  readonly #client: KurrentDBClient;
  readonly #limits: Limits;
  readonly #readHead: () => Promise<number>;
  readonly #waiters = new Set<Waiter>();
  #position: number;
  #subscription: AllStreamSubscription | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isChecking = false;
  #isCheckWanted = false;
  #isClosed = false;

  constructor({ client, limits, readHead, position }: TailOptions) {
    this.#client = client;
    this.#limits = limits;
    this.#readHead = readHead;
    this.#position = position;
  }

  /** The highest position that is known to be in the log. */
  get position(): number {
    return this.#position;
  }

  /** The log reaches up to `position` at least. */
  advance(position: number): void {
    if (position <= this.#position) return;
    this.#position = position;
    for (const waiter of this.#waiters) if (position > waiter.position) waiter.resolve();
  }

  /**
   * Resolves when there is an event after `position`, or when the signal is aborted. Rejects with
   * LOG_UNAVAILABLE or SHUTTING_DOWN.
   */
  async beyond(position: number, signal: AbortSignal): Promise<void> {
    if (this.#isClosed) throw closedLog();
    if (signal.aborted || this.#position > position) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { position, resolve, reject };
    signal.addEventListener('abort', waiter.resolve);
    this.#waiters.add(waiter);
    this.#timer ??= setInterval(() => void this.#check(), this.#limits.logCheckMs);
    if (this.#subscription === null) this.#subscribe();
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', waiter.resolve);
      this.#waiters.delete(waiter);
      if (this.#waiters.size === 0) this.#stopChecking();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#stopChecking();
    this.#unsubscribe();
    this.#fail(closedLog());
  }

  #subscribe(): void {
    const filter = streamNameFilter({ regex: everything.regex });
    const subscription = this.#client.subscribeToAll({ fromPosition: END, filter });
    this.#subscription = subscription;
    let isConfirmed = false;
    const lost = () => {
      if (this.#subscription !== subscription) return;
      this.#unsubscribe();
      // One that never began is tried again when the timer says so, and not in a circle.
      if (isConfirmed) void this.#check();
    };
    subscription
      // What came between the look that found nothing and this moment, nobody pushes.
      .on('confirmation', () => {
        isConfirmed = true;
        void this.#check();
      })
      .on('data', ({ event }) => {
        if (event?.position && isOurs(event.metadata)) this.advance(positionOf(event.position));
      })
      .on('error', lost)
      .on('close', lost);
  }

  #unsubscribe(): void {
    const subscription = this.#subscription;
    this.#subscription = null;
    // One that never began can't be ended; it has said so already.
    subscription?.unsubscribe().catch(() => undefined);
  }

  async #check(): Promise<void> {
    this.#isCheckWanted = true;
    if (this.#isChecking || this.#isClosed) return;
    this.#isChecking = true;
    try {
      // A look that began before it was wanted may have missed what it is wanted for.
      while (this.#isCheckWanted) {
        this.#isCheckWanted = false;
        this.advance(await this.#readHead());
      }
      if (this.#subscription === null && this.#waiters.size > 0 && !this.#isClosed)
        this.#subscribe();
    } catch (thrown) {
      this.#fail(thrown);
    } finally {
      this.#isChecking = false;
    }
  }

  #fail(error: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(error);
  }

  #stopChecking(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
