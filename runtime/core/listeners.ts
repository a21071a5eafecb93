/**
 * Who listens on this node, by channel. A subscription is an object of its own, so that one listener may
 * listen twice, and from the moment that it ends it is called no more.
 */
import { RuntimeError } from '../errors.ts';
import type { Listener } from '../ports/broadcast.ts';

interface Subscription {
  readonly listener: Listener;
}

export interface Listening {
  /** Tells this one that it missed something. */
  missed(): void;
  /** Takes it out. */
  end(): void;
}

export interface ListenersOptions {
  readonly max: number;
  /** A listener that throws; the others are called all the same. */
  readonly onFailure: (error: Error) => void;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #subscriptions = new Map<string, Set<Subscription>>();
  #count = 0;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  has(channel: string): boolean {
    return this.#subscriptions.has(channel);
  }

  /** Adds one. Throws BUS_SATURATED at the bound. */
  add(channel: string, listener: Listener): Listening {
    if (this.#count >= this.#options.max) {
      throw new RuntimeError('BUS_SATURATED', `${this.#count} listeners are there already`);
    }
    const subscription = { listener };
    const all = this.#subscriptions.get(channel) ?? new Set();
    this.#subscriptions.set(channel, all.add(subscription));
    this.#count += 1;
    return {
      missed: () => this.#call(subscription, (one) => one.missed()),
      end: () => {
        if (!all.delete(subscription)) return;
        this.#count -= 1;
        if (all.size === 0) this.#subscriptions.delete(channel);
      },
    };
  }

  message(channel: string, text: string): void {
    this.#each(this.#subscriptions.get(channel), (listener) => listener.message(text));
  }

  missed(channel: string): void {
    this.#each(this.#subscriptions.get(channel), (listener) => listener.missed());
  }

  /** Tells those of all channels that can hear now. */
  allMissed(isHeard: (channel: string) => boolean = () => true): void {
    for (const channel of [...this.#subscriptions.keys()].filter(isHeard)) this.missed(channel);
  }

  /** Takes all of them out. */
  clear(): void {
    for (const all of this.#subscriptions.values()) all.clear();
    this.#subscriptions.clear();
    this.#count = 0;
  }

  #each(all: ReadonlySet<Subscription> | undefined, call: (listener: Listener) => void): void {
    // Those that come while it is told have missed it; those that go are asked for.
    for (const subscription of [...(all ?? [])]) {
      if (all?.has(subscription)) this.#call(subscription, call);
    }
  }

  #call({ listener }: Subscription, call: (listener: Listener) => void): void {
    try {
      call(listener);
    } catch (thrown) {
      this.#options.onFailure(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }
}
