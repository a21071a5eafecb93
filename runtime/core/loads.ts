/**
 * Loads under way, shared by those who ask for the same thing, so that an answer that many miss at once
 * is loaded once; and never shared with one who must not see it.
 *
 *     look ──▶ found
 *       └────▶ not found, at a fence ──▶ nobody loads it: lead a load
 *                                    ──▶ somebody does: share its answer, or look again when it is over
 *
 * A caller may know of a change that the load under way began too early to see. So it shares the answer
 * of a load that began after it came, or that stands at the same fence (nothing has changed between);
 * else it waits for the load to be over and looks again. The next load, if it comes to that, began after
 * it: two loads, however many wait.
 */

/** A text that is kept, or the fence that a load from here on stands at. */
export type Found<F extends { readonly fence: string }> = { readonly text: string } | F;

interface Load {
  readonly fence: string;
  /** Counted with the arrivals: whether it began after one of them. */
  readonly order: number;
  readonly text: Promise<string>;
}

export class Loads {
  readonly #loads = new Map<string, Load>();
  #order = 0;

  /** How many are under way; no more than there are callers. */
  get size(): number {
    return this.#loads.size;
  }

  /** The text for a name, by `look`, or by `load` on behalf of all who may share it. */
  async through<F extends { readonly fence: string }>(
    name: string,
    look: () => Promise<Found<F>>,
    load: (from: F) => Promise<string>,
  ): Promise<string> {
    this.#order += 1;
    const arrival = this.#order;
    for (;;) {
      const found = await look();
      if ('text' in found) return found.text;
      const other = this.#loads.get(name);
      if (other === undefined) return this.#lead(name, found, load);
      if (other.order > arrival || other.fence === found.fence) return other.text;
      await Promise.allSettled([other.text]);
    }
  }

  #lead<F extends { readonly fence: string }>(
    name: string,
    from: F,
    load: (from: F) => Promise<string>,
  ): Promise<string> {
    this.#order += 1;
    const text = load(from).finally(() => this.#loads.delete(name));
    this.#loads.set(name, { fence: from.fence, order: this.#order, text });
    return text;
  }
}
