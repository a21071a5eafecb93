/**
 * The embedder that needs no model: features are hashed into as many buckets as there are dimensions.
 *
 * Texts are near where they share words, neighbouring words or pieces of words (`features.ts`); it knows
 * no synonyms and no languages. Each feature counts with the square root of how often it is there, and
 * with a sign of its hash, so that features that meet in one bucket cancel out on average.
 */
import { type Embedder, type EmbedderModel, limits } from '#runtime';
import { featuresOf, hashingVersion } from './features.ts';

export class HashingEmbedder implements Embedder {
  readonly model: EmbedderModel;
  /** Chunks of full length: so many hold up the thread for some 6 ms. */
  readonly textsMax = limits.embedTextsMax;

  constructor(dimensions: number) {
    this.model = { name: 'hashing', version: `${hashingVersion}-${dimensions}`, dimensions };
  }

  /** A text without words gets a vector too, always the same. Throws nothing but the signal's reason. */
  async embed(texts: readonly string[], signal: AbortSignal): Promise<readonly Float32Array[]> {
    signal.throwIfAborted();
    return texts.map((text) => this.#vectorOf(text));
  }

  async close(): Promise<void> {
    // Nothing is ever under way.
  }

  #vectorOf(text: string): Float32Array {
    const sums = new Float64Array(this.model.dimensions);
    for (const [hash, squaredWeights] of featuresOf(text)) {
      const bucket = (hash >>> 1) % sums.length;
      sums[bucket]! += hash & 1 ? Math.sqrt(squaredWeights) : -Math.sqrt(squaredWeights);
    }
    let squares = 0;
    for (const sum of sums) squares += sum * sum;
    if (squares === 0) return new Float32Array(sums.length).fill(1 / Math.sqrt(sums.length));
    const length = Math.sqrt(squares);
    return Float32Array.from(sums, (sum) => sum / length);
  }
}
