/** Texts, vectors and the models that make them, and what is found by them. */
export const embeddingLimits = {
  /** Of one vector; what pgvector can index with HNSW. */
  embeddingDimensionsMax: 2_000,
  /** UTF-16 units of one chunk: some 400 tokens, which every model takes, and a passage that a person
   *  reads at a glance. */
  chunkCharsMax: 1_600,
  /** Chunks of one document: 512 Ki characters as a rule. Above: the rest is found by its words alone. */
  chunksMax: 512,
  /** Documents and UTF-16 units of text that the indexer takes on at a time; a text alone may be longer.
   *  With 2,000 dimensions some 30 MB. */
  indexedDocumentsMax: 256,
  indexedCharsMax: 256 * 1024,
  /** Chunks of one transaction, 100 ms of PGlite, for which readers wait; one document may have more. */
  indexedChunksMax: 32,
  /** Pause between two looks at an index that nothing is known to be missing from. */
  indexLookMs: 1_000,
  /** The same for those who wait for a position in it. */
  indexAwaitMs: 20,
  /** Pause after a model refused us: somebody has to mend the configuration. */
  embedRefusedMs: 60_000,
  /** Chunks that a search compares one by one, 5 ms; among more, it goes by the index of vectors. */
  comparedChunksMax: 5_000,
  /** All tries of one call to a model. Above: EMBEDDER_UNAVAILABLE. */
  embedTryMs: 30_000,
  /** The same where somebody waits for search results. Above: they are found by words alone. */
  embedQueryMs: 3_000,
  /** Calls to the model at a time. */
  embedCallsMax: 4,
  /** Texts of one call: what TEI takes unless told otherwise, and some 13,000 tokens. */
  embedTextsMax: 32,
  /** Calls that wait for their turn, those of searches too. At it: EMBEDDER_UNAVAILABLE. */
  embedWaitingMax: 64,
  /** An answer of the model: 32 vectors of 8,192 numbers with 22 characters each are 6 MiB. Above:
   *  EMBEDDER_UNAVAILABLE. */
  embedAnswerBytesMax: 16 * 1024 * 1024,
  /** Longest pause that a Retry-After may ask for; more is taken as this much. */
  embedPauseMsMax: 5 * 60_000,
  /** Failures in a row after which the model is left alone, and for how long; calls fail at once then. */
  embedBreakerFailuresMax: 5,
  embedBreakerMs: 10_000,
  /** Tries after which a failure of the model may be the fault of the texts: then it is asked for
   *  another one. Below what opens the breaker. */
  embedSuspectAfter: 3,
  /** All of one answer of the language model, first to last piece. Above: CHAT_UNAVAILABLE. */
  chatAnswerMs: 180_000,
  /** UTF-16 units of one answer, for models that never come to an end. Above: CHAT_UNAVAILABLE. */
  chatAnswerCharsMax: 64_000,
  /** The same of one event of its stream; what comes with a piece is some 500. */
  chatEventCharsMax: 256 * 1024,
  /** Answers that are written at a time. At it: CHAT_UNAVAILABLE. */
  chatAnswersMax: 8,
  /** The name of a chunk: its entity's id, a mark and a number. */
  chunkIdCharsMax: 512 + 16,
  /** Queries of sessions under way on a node; eight of them may be answered by a model at a time. At it:
   *  BUS_SATURATED (HTTP 503). */
  sessionQueriesMax: 64,
  /** How long a reader may wait for `atLeast`. Above: POSITION_NOT_REACHED. */
  atLeastWaitMs: 5_000,
  /** Hits of one answer. */
  hitsMax: 50,
  hitsDefault: 10,
  /** Candidates of each leg (words, vectors) that are fused. */
  candidatesMax: 100,
  /** Words of a question that are looked for; the rest is left out. Each reads an index, 2 to 5 ms where
   *  it is frequent. */
  queryWordsMax: 32,
  /** Entities of a tenant that a word may be in and still say something: 2 % of 50,000. Above: it finds
   *  nobody by itself. */
  wordMatchesMax: 1_000,
  /** Entities with the rarest words whose texts are unpacked and ranked, 10 µs each. */
  wordCandidatesMax: 300,
  /** Values that one filter may name, and steps from one of `near`. Above: REQUEST_INVALID. */
  filterValuesMax: 20,
  nearDistanceMax: 3,
  /** Entities within those steps, with their comments. Above: QUERY_TOO_LARGE. */
  nearEntitiesMax: 10_000,
  /** Passages that are shown of one hit. */
  passagesMax: 3,
  /** Edges from the hits, how many are followed from one entity on either side, and what they lead to. */
  hopsMax: 2,
  edgesWalkedMax: 20,
  neighboursShownMax: 30,
  /** Characters of the context that POST /query gives a prompt, about 4 a token. */
  contextCharsMax: 64_000,
  contextCharsDefault: 12_000,
} as const;
