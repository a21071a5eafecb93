/**
 * Appointments: what may have to be done at which time. One that no longer stands is passed over when
 * its time comes, and swept before that if too many of them pile up.
 */
import { Heap } from './heap.ts';

export interface Due {
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Sweeping costs as much as there is; so it waits until the dead are about as many as the living. */
const sweptAbove = (living: number) => 4 * living + 1024;

export class Agenda<T extends Due> {
  readonly #dues = new Heap<T>((one, other) => one.at < other.at);
  readonly #isStanding: (due: T) => boolean;

  constructor(isStanding: (due: T) => boolean) {
    this.#isStanding = isStanding;
  }

  /** Infinity where there is nothing; too early where the first no longer stands. */
  get next(): number {
    return this.#dues.first?.at ?? Number.POSITIVE_INFINITY;
  }

  /** `living` is how many things there are that have appointments, at most two each. */
  add(due: T, living: number): void {
    this.#dues.push(due);
    if (this.#dues.size > sweptAbove(living)) this.#dues.retain(this.#isStanding);
  }

  /** Takes the first that is due by now and stands; undefined where there is none. */
  take(now: number): T | undefined {
    while (this.next <= now) {
      const due = this.#dues.pop()!;
      if (this.#isStanding(due)) return due;
    }
    return undefined;
  }
}
