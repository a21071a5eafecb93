/**
 * The events at the log's end, read and parsed once for all who follow it.
 *
 *     ──── floor ▒▒▒▒▒▒▒▒▒▒▒▒ position ────▶ head
 *                events held
 *
 * Several projections and the feed follow the end at the same time, each with a filter of its own; what
 * they are handed is shared and must not be changed. Everything in (floor, position] is here, wanted by
 * somebody or not. Older history is read by whoever asks for it.
 */
import { categoryOf, type EventFilter, limits, type RecordedEvent } from '#runtime';

interface Held {
  readonly event: RecordedEvent;
  /** UTF-16 units of its JSON. */
  readonly chars: number;
}

/** A stretch of the log without a gap. */
export interface Stretch {
  readonly held: readonly Held[];
  /** Its last position. */
  readonly position: number;
}

export class Recent {
  #held: Held[] = [];
  #chars = 0;
  #floor = 0;
  #position = 0;

  /** Everything up to here was added. */
  get position(): number {
    return this.#position;
  }

  /** Whether it has, or can go on with, all that stands after a position. */
  covers(after: number): boolean {
    return after >= this.#floor && after <= this.#position;
  }

  /** Forgets everything and begins after a position. */
  restart(after: number): void {
    this.#held = [];
    this.#chars = 0;
    this.#floor = after;
    this.#position = after;
  }

  /** The next stretch; the oldest events go where there are too many. */
  add({ held, position }: Stretch): void {
    for (const one of held) this.#chars += one.chars;
    this.#held.push(...held);
    this.#position = position;
    let gone = 0;
    while (this.#isOver(gone)) {
      const { event, chars } = this.#held[gone]!;
      this.#chars -= chars;
      this.#floor = event.position;
      gone += 1;
    }
    if (gone > 0) this.#held.splice(0, gone);
  }

  /** What is wanted of it after a position, at most `limit` events, and how far that reaches. */
  after(
    after: number,
    limit: number,
    filter: EventFilter,
  ): { readonly events: readonly RecordedEvent[]; readonly position: number } {
    const events: RecordedEvent[] = [];
    for (let at = this.#indexAfter(after); at < this.#held.length; at++) {
      const { event } = this.#held[at]!;
      if (!isWanted(event, filter)) continue;
      events.push(event);
      if (events.length >= limit) return { events, position: event.position };
    }
    return { events, position: this.#position };
  }

  /** At least one stays, or an event larger than the bound could never be handed over. */
  #isOver(gone: number): boolean {
    const left = this.#held.length - gone;
    if (left <= 1) return false;
    return left > limits.logRecentEventsMax || this.#chars > limits.logRecentCharsMax;
  }

  #indexAfter(position: number): number {
    let [from, to] = [0, this.#held.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#held[middle]!.event.position <= position) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function isWanted({ stream, type }: RecordedEvent, { categories, types }: EventFilter): boolean {
  return (types?.includes(type) ?? true) && (categories?.includes(categoryOf(stream)) ?? true);
}
