/**
 * Pages of the past as notifications, for followers that join after an absence.
 *
 * limits.feedJoiningMax read at a time, the others wait in line: a thousand who come back at once after a
 * restart cost the log no more than a few readers.
 */
import type { Limits, Log, Progress } from '#runtime';
import type { Narrator } from './narrator.ts';
import { notifiedEvents } from './notification.ts';
import type { Stretch } from './recent.ts';

export class Past {
  readonly #log: Log;
  readonly #progress: Progress;
  readonly #limits: Limits;
  #reading = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: {
    readonly log: Log;
    readonly progress: Progress;
    readonly limits: Limits;
  }) {
    this.#log = options.log;
    this.#progress = options.progress;
    this.#limits = options.limits;
  }

  /**
   * What came after a position, at most one page and not beyond `to`, which the log has. It waits for the
   * rows as the feed does. The narrator is one follower's own. Throws LOG_UNAVAILABLE.
   */
  async after(
    position: number,
    to: number,
    narrator: Narrator,
    signal: AbortSignal,
  ): Promise<Stretch> {
    await this.#enter();
    try {
      const limit = this.#limits.feedPageEvents;
      const page = await this.#log.readAll({ after: position, filter: notifiedEvents, limit });
      const events = page.filter((event) => event.position <= to);
      const isRest = page.length < limit || events.length < page.length;
      const notifications = await narrator.tell(events);
      const last = notifications.at(-1);
      if (last !== undefined) await this.#progress.reached(last.position, signal);
      return { notifications, position: isRest ? to : events.at(-1)!.position };
    } finally {
      this.#leave();
    }
  }

  /** A place is handed from who leaves to who waits longest. */
  async #enter(): Promise<void> {
    if (this.#reading < this.#limits.feedJoiningMax) {
      this.#reading += 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#reading -= 1;
    else next();
  }
}
