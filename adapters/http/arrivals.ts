/**
 * What came in over each connection since this process began: enough to see whether a webhook arrives,
 * whether it is believed, and which events and link types nobody makes use of.
 */
import type { ReadDelivery } from '#adapters/atlassian';
import type { ErrorCode } from '#runtime';

/** Names come from outside; those beyond are counted together. */
const namesMax = 100;

class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    const isRoom = this.#counts.has(name) || this.#counts.size < namesMax;
    const key = isRoom ? name : 'others';
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  toJSON(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

export class Arrivals {
  accepted = 0;
  readonly ignored = new Tally();
  readonly refused = new Tally();
  readonly unknownLinkTypes = new Tally();

  addAccepted({ event, ignored, unknownLinkTypes }: ReadDelivery): void {
    if (ignored) this.ignored.add(event);
    else this.accepted += 1;
    for (const name of unknownLinkTypes) this.unknownLinkTypes.add(name);
  }

  addRefused(code: ErrorCode): void {
    this.refused.add(code);
  }
}

/** By connection id; only of connections that exist. */
export class ArrivalBook {
  readonly #pages = new Map<string, Arrivals>();

  of(connectionId: string): Arrivals {
    const known = this.#pages.get(connectionId) ?? new Arrivals();
    this.#pages.set(connectionId, known);
    return known;
  }
}
