/** The last notifications, at hand for whoever was away for a moment. Bounded by its number. */
import type { Notification } from './message.ts';

export interface Stretch {
  readonly notifications: readonly Notification[];
  /** All notifications up to here are in it, from where it was asked for. */
  readonly position: number;
}

export class Recent {
  readonly #max: number;
  #floor: number;
  #position: number;
  #notifications: Notification[] = [];

  constructor(position: number, max: number) {
    this.#floor = position;
    this.#position = position;
    this.#max = max;
  }

  /** All that came after this position is here. */
  get floor(): number {
    return this.#floor;
  }

  /** All up to this position was added. */
  get position(): number {
    return this.#position;
  }

  /** What came after `position`, up to `to`. The older half goes when there are twice too many. */
  add(notifications: readonly Notification[], to: number): void {
    this.#notifications.push(...notifications);
    this.#position = to;
    if (this.#notifications.length < 2 * this.#max) return;
    const gone = this.#notifications.splice(0, this.#notifications.length - this.#max);
    this.#floor = gone.at(-1)!.position;
  }

  /** What came after a position that is not below the floor, at most `limit`. */
  after(position: number, limit: number): Stretch {
    const from = this.#firstAfter(position);
    const notifications = this.#notifications.slice(from, from + limit);
    const isRest = from + limit >= this.#notifications.length;
    return { notifications, position: isRest ? this.#position : notifications.at(-1)!.position };
  }

  #firstAfter(position: number): number {
    let [low, high] = [0, this.#notifications.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#notifications[middle]!.position <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
