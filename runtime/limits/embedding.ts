/** Texts, vectors and the models that make them, and what is found by them. */
export const embeddingLimits = {
  /** Of one vector; what pgvector can index with HNSW. */
  embeddingDimensionsMax: 2_000,
  /** UTF-16 units of one chunk: some 400 tokens, which every model takes, and a passage that a person
   *  reads at a glance. */
  chunkCharsMax: 1_600,
  /** All tries of one call to a model. Above: EMBEDDER_UNAVAILABLE. */
  embedTryMs: 30_000,
  /** The same where somebody waits for search results. Above: they are found by words alone. */
  embedQueryMs: 3_000,
  /** Calls to the model at a time. */
  embedCallsMax: 4,
  /** How long a reader may wait for `atLeast`. Above: POSITION_NOT_REACHED. */
  atLeastWaitMs: 5_000,
  /** Hits of one answer. */
  hitsMax: 50,
  hitsDefault: 10,
  /** Candidates of each leg (words, vectors) that are fused. */
  candidatesMax: 100,
  /** Characters of the context that POST /query gives a prompt, about 4 a token. */
  contextCharsMax: 64_000,
  contextCharsDefault: 12_000,
} as const;
