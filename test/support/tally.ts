/**
 * A projection that can't hide a batch applied twice or not at all: it counts the events of each stream.
 */
import {
  type ChangeBatch,
  type GenerationStatus,
  type Generations,
  type JointPromotionOptions,
  type Projection,
  type Promotion,
  type PromotionOptions,
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

interface TallyPromotion extends Promotion {
  swap(): void;
}

export class TallyGenerations implements Generations<string> {
  liveSink: TallySink;
  version: number = tally.version;
  keptSink: TallySink | null = null;
  readonly begun: TallySink[] = [];
  readonly #isGuarded: boolean;

  constructor({ isGuarded = true } = {}) {
    this.#isGuarded = isGuarded;
    this.liveSink = new TallySink(1, isGuarded);
  }

  async live() {
    return { sink: this.liveSink as Sink<string>, version: this.version };
  }

  /** What was left of a build goes on, as the log of a test never ends before it. */
  async begin(head?: number): Promise<Sink<string>> {
    const left = this.begun.at(-1);
    if (head !== undefined && left !== undefined) return left;
    const sink = new TallySink(this.liveSink.generation + this.begun.length + 1, this.#isGuarded);
    this.begun.push(sink);
    return sink;
  }

  async complete(): Promise<void> {
    // There are no indexes.
  }

  async promote(
    sink: Sink<string>,
    { beside = [], ...options }: JointPromotionOptions = {},
  ): Promise<void> {
    const all = [this.promotion(sink, options), ...(beside as readonly TallyPromotion[])];
    for (const { swap } of all) swap();
  }

  promotion(sink: Sink<string>, { keepsOld = false }: PromotionOptions = {}): TallyPromotion {
    return { name: tally.name, swap: () => this.#swap(sink as TallySink, keepsOld) };
  }

  async leave(): Promise<void> {
    // Nothing is locked.
  }

  async discard(sink: Sink<string>): Promise<void> {
    this.#forget(sink);
  }

  async kept(): Promise<Sink<string> | null> {
    if (this.keptSink !== null) this.keptSink.isReplaced = false;
    return this.keptSink;
  }

  async list(): Promise<readonly GenerationStatus[]> {
    return [];
  }

  #swap(next: TallySink, keepsOld: boolean): void {
    this.liveSink.isReplaced = true;
    this.keptSink = keepsOld ? this.liveSink : null;
    this.liveSink = next;
    next.isReplaced = false;
    this.version = tally.version;
    this.#forget(next);
  }

  #forget(sink: Sink<string>): void {
    const at = this.begun.indexOf(sink as TallySink);
    if (at >= 0) this.begun.splice(at, 1);
  }
}
