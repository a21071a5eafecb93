/** The hashing embedder, under a name, which counts what it is asked and fails when it is told to. */
import { HashingEmbedder } from '#adapters/embedders';
import { type Embedder, type EmbedderModel, type ErrorCode, RuntimeError } from '#runtime';

export class TamedEmbedder implements Embedder {
  readonly textsMax: number;
  /** Every text that it was asked for and gave a vector of, in order. */
  readonly asked: string[] = [];
  /** How often it was called, in vain too. */
  calls = 0;
  /** What every call fails with. */
  failure: ErrorCode | null = null;
  /** Texts that it refuses. */
  refuses: (text: string) => boolean = () => false;
  readonly #name: string;
  readonly #hashing: HashingEmbedder;
  #gate: Promise<void> | null = null;

  constructor({ name = 'tamed', textsMax = 4, dimensions = 256 } = {}) {
    this.textsMax = textsMax;
    this.#name = name;
    this.#hashing = new HashingEmbedder(dimensions);
  }

  get model(): EmbedderModel {
    return { ...this.#hashing.model, name: this.#name };
  }

  /** Calls wait until what it answers is called. */
  hold(): () => void {
    const gate = Promise.withResolvers<void>();
    this.#gate = gate.promise;
    return gate.resolve;
  }

  async embed(texts: readonly string[], signal: AbortSignal): Promise<readonly Float32Array[]> {
    this.calls += 1;
    if (this.#gate !== null) await Promise.race([this.#gate, aborted(signal)]);
    if (this.failure !== null) throw new RuntimeError(this.failure, 'as it was told');
    if (texts.some(this.refuses)) throw new RuntimeError('TEXT_UNEMBEDDABLE', 'one of these');
    const vectors = await this.#hashing.embed(texts, signal);
    this.asked.push(...texts);
    return vectors;
  }

  async close(): Promise<void> {
    // Nothing is ever under way.
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);
  });
}
