/**
 * What a KurrentDB server keeps, in memory: one log with byte-like positions, streams in it, and the
 * rules by which the server takes or refuses an append (its documentation and `IndexWriter.CheckCommit`).
 *
 * Positions are offsets of records, so that most numbers are not the place of any event, and reading
 * from such a number is refused as the server does it. `$all` begins with the server's own events.
 */

export type Expected = 'any' | 'no_stream' | 'stream_exists' | number;

export interface ProposedEvent {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

export interface KeptEvent extends ProposedEvent {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
}

export type Written =
  | { readonly kind: 'written'; readonly revision: number; readonly position: number }
  | { readonly kind: 'wrong-version'; readonly current: number };

/** Ids of the last events that the server recognises without knowing where they would stand. */
const recentEventsMax = 100_000;

export class KurrentStore {
  readonly all: KeptEvent[] = [];
  /** By stream; the event at index i has revision i. */
  readonly #streams = new Map<string, KeptEvent[]>();
  readonly #recent = new Map<string, KeptEvent>();
  readonly #listeners = new Set<() => void>();
  #end = 0;

  constructor() {
    this.append('$users', 'any', [ownEvent('$UserCreated')]);
  }

  append(stream: string, expected: Expected, events: readonly ProposedEvent[]): Written {
    const standing = this.#streams.get(stream) ?? [];
    const current = standing.length - 1;
    const exact = expected === 'no_stream' ? -1 : expected;
    if (typeof exact === 'number' && exact < current) {
      return this.#atItsPlace(standing, exact + 1, events);
    }
    if (typeof exact === 'number' && exact > current) return { kind: 'wrong-version', current };
    if (exact === 'stream_exists' && current < 0) return { kind: 'wrong-version', current };
    if (typeof exact !== 'number') {
      const known = events.map(({ id }) => this.#recent.get(`${stream}/${id}`));
      const last = known.at(-1);
      if (last && known.every(Boolean)) return { kind: 'written', ...placeOf(last) };
      if (known[0]) return { kind: 'wrong-version', current };
    }
    return { kind: 'written', ...placeOf(this.#add(stream, standing, events)) };
  }

  /** The stream's events that its `$maxCount` has left, or null where it never had any. */
  stream(name: string): readonly KeptEvent[] | null {
    const standing = this.#streams.get(name);
    if (standing === undefined) return null;
    const settings = this.#streams.get(`$$${name}`)?.at(-1);
    if (settings === undefined) return standing;
    const { $maxCount = standing.length } = JSON.parse(Buffer.from(settings.data).toString());
    return standing.slice(-$maxCount);
  }

  /** Index in `all` of the event at a position; its length for the end, -1 where nothing begins. */
  indexAt(position: number): number {
    if (position === this.#end) return this.all.length;
    let low = 0;
    for (let high = this.all.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (this.all[middle]!.position < position) low = middle + 1;
      else high = middle;
    }
    return this.all[low]?.position === position ? low : -1;
  }

  /** Calls when something was added; returns what ends that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #atItsPlace(
    standing: readonly KeptEvent[],
    from: number,
    events: readonly ProposedEvent[],
  ): Written {
    const isSame = events.every(({ id }, at) => standing[from + at]?.id === id);
    if (!isSame) return { kind: 'wrong-version', current: standing.length - 1 };
    return { kind: 'written', ...placeOf(standing[from + events.length - 1]!) };
  }

  #add(stream: string, standing: KeptEvent[], events: readonly ProposedEvent[]): KeptEvent {
    for (const event of events) {
      const kept = { ...event, stream, revision: standing.length, position: this.#end };
      standing.push(kept);
      this.all.push(kept);
      this.#recent.set(`${stream}/${event.id}`, kept);
      this.#end += 100 + event.data.length + event.metadata.length;
    }
    for (const id of this.#recent.keys()) {
      if (this.#recent.size <= recentEventsMax) break;
      this.#recent.delete(id);
    }
    this.#streams.set(stream, standing);
    for (const listener of this.#listeners) listener();
    return standing.at(-1)!;
  }
}

/** An event of the server itself, as `$all` has many of. */
export function ownEvent(type: string): ProposedEvent {
  const id = crypto.randomUUID();
  return { id, type, contentType: 'application/json', data: json({}), metadata: json({}) };
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function placeOf({ revision, position }: KeptEvent) {
  return { revision, position };
}
