/** Questions, and the pages of their answers. */
export const queryLimits = {
  /** Items of one page of any list over HTTP. */
  pageItemsMax: 200,
  pageItemsDefault: 50,
  /** Depth of a neighbourhood and nodes in it; above: truncated and said so. */
  neighbourhoodDepthMax: 5,
  neighbourhoodNodesMax: 1_000,
  neighbourhoodEdgesMax: 5_000,
  /** Nodes that a shortest-path search may visit from both ends. Above: QUERY_TOO_LARGE. */
  pathVisitedMax: 50_000,
  pathLengthMax: 16,
  /** Events that one question about the past folds, 3 to 5 µs each, so a second at most. Above:
   *  QUERY_TOO_LARGE. */
  historyEventsMax: 200_000,
  /** Wait of such a question for the history to be written up to its position, as a rule milliseconds.
   *  Above: READ_STORE_UNAVAILABLE. */
  historyWaitMs: 2_000,
  /** How long an answer about an entity may be served from the cache, so how old it is at most on a node
   *  that nobody tells of changes. Above: it is read anew. */
  cachedReadMs: 60_000,
  /** A search query; a phrase that somebody types or pastes. Above: REQUEST_INVALID. */
  searchQueryCharsMax: 1_000,
  /** Dead letters moved by one call. */
  deadLettersPageMax: 1_000,
  /** Dead letters of a broker that one call locks to get at those it wants; about 20 MB. At it: it moves
   *  what it has found. */
  deadLettersLockedMax: 10_000,
  /** UTF-16 units of a dead letter's reason that a broker keeps. */
  reasonCharsMax: 4_000,
} as const;
