/**
 * A projection that can't hide a batch applied twice or not at all: it counts the events of each stream.
 */
import {
  type ChangeBatch,
  type Generations,
  type Projection,
  type RecordedEvent,
  RuntimeError,
  type Sink,
} from '#runtime';

export const tally: Projection<string> = {
  name: 'tally',
  version: 1,
  filter: {},
  project: (event: RecordedEvent) => [event.stream],
};

export class TallySink implements Sink<string> {
  readonly generation: number;
  readonly counts = new Map<string, number>();
  checkpoint = 0;
  /** Another generation has taken its place. */
  isReplaced = false;
  readonly #isGuarded: boolean;

  constructor(generation: number, isGuarded: boolean) {
    this.generation = generation;
    this.#isGuarded = isGuarded;
  }

  async position(): Promise<number> {
    return this.checkpoint;
  }

  async apply({ changes, from, to }: ChangeBatch<string>): Promise<number> {
    if (this.isReplaced) throw new RuntimeError('READ_STORE_UNAVAILABLE', 'was replaced');
    if (this.#isGuarded && from !== this.checkpoint) return this.checkpoint;
    for (const stream of changes) this.counts.set(stream, (this.counts.get(stream) ?? 0) + 1);
    this.checkpoint = to;
    return to;
  }

  async checksum() {
    const rows = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return { rows: rows.length, digest: JSON.stringify(rows), position: this.checkpoint };
  }
}

export class TallyGenerations implements Generations<string> {
  liveSink: TallySink;
  version: number = tally.version;
  readonly begun: TallySink[] = [];
  readonly #isGuarded: boolean;

  constructor({ isGuarded = true } = {}) {
    this.#isGuarded = isGuarded;
    this.liveSink = new TallySink(1, isGuarded);
  }

  async live() {
    return { sink: this.liveSink as Sink<string>, version: this.version };
  }

  async begin(): Promise<Sink<string>> {
    const sink = new TallySink(this.liveSink.generation + this.begun.length + 1, this.#isGuarded);
    this.begun.push(sink);
    return sink;
  }

  async promote(sink: Sink<string>): Promise<void> {
    this.liveSink.isReplaced = true;
    this.liveSink = sink as TallySink;
    this.version = tally.version;
  }

  async discard(sink: Sink<string>): Promise<void> {
    this.begun.splice(this.begun.indexOf(sink as TallySink), 1);
  }
}
