/**
 * Embedder: texts to vectors in which likeness of meaning is nearness.
 *
 * A process has one model. Vectors of two models never compare, so whoever stores them stores the model
 * with them. One conformance suite (`test/contracts/embedder.ts`) holds every adapter to this.
 */

export interface EmbedderModel {
  /** Such as `text-embedding-3-small`; what the endpoint or the folder calls it. */
  readonly name: string;
  /** Changes whenever the same text gives another vector. */
  readonly version: string;
  /** Numbers in each vector, 1 to limits.embeddingDimensionsMax. */
  readonly dimensions: number;
}

export interface Embedder {
  readonly model: EmbedderModel;
  /** Texts of one call at most. */
  readonly textsMax: number;
  /**
   * One vector for each text, in order, of length 1 (so that the inner product is the cosine). The same
   * text gives the same vector. Called by the indexer, some calls at a time, and by each search; passing
   * faults are tried again inside, within limits.embedTryMs.
   *
   * Throws EMBEDDER_UNAVAILABLE (retry later), TEXT_UNEMBEDDABLE (the model refuses one of these texts;
   * alone it is known which), EMBEDDER_REFUSED or EMBEDDER_MISMATCH (the configuration is wrong; nothing
   * will be embedded until it is mended), or the signal's reason.
   */
  embed(texts: readonly string[], signal: AbortSignal): Promise<readonly Float32Array[]>;
  /** Ends what is under way, and hangs up. */
  close(): Promise<void>;
}
