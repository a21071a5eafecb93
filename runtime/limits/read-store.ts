/** The read store, and what a projection writes into it. */
export const readStoreLimits = {
  /** One statement on the read store; a batch of 2,000 events takes 100 ms. Above: it is cancelled
   *  and READ_STORE_UNAVAILABLE. */
  statementTimeoutMs: 15_000,
  /** Connections of one node to PostgreSQL, whose default is 100 for all nodes. */
  readConnectionsMax: 8,
  /** Queries that wait for a connection (PGlite has one). At it: READ_STORE_UNAVAILABLE. */
  readsWaitingMax: 2_000,
  /** Wait for a connection to PostgreSQL. Above: READ_STORE_UNAVAILABLE. */
  readConnectMs: 5_000,
  /** Characters that a rebuild folds in memory before it writes them; two folds at a time, 2.3 bytes of
   *  heap a character. The fewer folds, the faster: a row that a later one changes is written again.
   *  192 Mi are 600,000 rows of 100 characters of properties, 450 MiB; a small heap (infra/memory.ts)
   *  gets less, 32 Mi at least. */
  foldedCharsMax: 192 * 1024 * 1024,
  foldedCharsMin: 32 * 1024 * 1024,
  /** Characters of one statement of a load: 2,000 rows, 50 ms of PGlite, for which readers wait. */
  loadStatementCharsMax: 512 * 1024,
  /** Statements of one load under way, and indexes made at a time: on PostgreSQL each has a connection,
   *  and half of them are left to readers. */
  loadStatementsMax: 4,
  /** Wait for the readers of a generation that is to be replaced, and how often it is tried: readers
   *  that come meanwhile wait behind it. Above: READ_STORE_UNAVAILABLE, and the old one stays. */
  swapLockMs: 100,
  swapTriesMax: 200,
  /** Relationships whose ends are told of in one publish. */
  announcedLinksMax: 500,
} as const;
