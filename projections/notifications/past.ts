/**
 * Pages of the past as notifications, for followers that join after an absence.
 *
 * limits.feedJoiningMax read at a time, the others wait in line: a thousand who come back at once after a
 * restart cost the log no more than a few readers.
 */
import { type Limits, type Log, type Progress, Turnstile } from '#runtime';
import type { Narrator } from './narrator.ts';
import { notifiedEvents } from './notification.ts';
import type { Stretch } from './recent.ts';

export class Past {
  readonly #log: Log;
  readonly #progress: Progress;
  readonly #limits: Limits;
  readonly #reading: Turnstile;

  constructor(options: {
    readonly log: Log;
    readonly progress: Progress;
    readonly limits: Limits;
  }) {
    this.#log = options.log;
    this.#progress = options.progress;
    this.#limits = options.limits;
    this.#reading = new Turnstile(options.limits.feedJoiningMax);
  }

  /**
   * What came after a position, at most one page and not beyond `to`, which the log has. It waits for the
   * rows as the feed does. The narrator is one follower's own. Throws LOG_UNAVAILABLE.
   */
  after(position: number, to: number, narrator: Narrator, signal: AbortSignal): Promise<Stretch> {
    return this.#reading.pass(async () => {
      const limit = this.#limits.feedPageEvents;
      const page = await this.#log.readAll({ after: position, filter: notifiedEvents, limit });
      const events = page.filter((event) => event.position <= to);
      const isRest = page.length < limit || events.length < page.length;
      const notifications = await narrator.tell(events);
      const last = notifications.at(-1);
      if (last !== undefined) await this.#progress.reached(last.position, signal);
      return { notifications, position: isRest ? to : events.at(-1)!.position };
    });
  }
}
