/** What a node tells of itself. */
export const telemetryLimits = {
  /** Wait of a scrape for one part of the node; Prometheus gives a scrape 10 s. Above: what that part knows
   *  is missing from it. */
  scrapeMs: 2_000,
  /** How long an answer of a broker or a store is used for later scrapes. */
  scrapeKeptMs: 10_000,
  /** Between two looks how late the event loop is: 10 a second cost nothing, and what blocks it for longer
   *  than this is seen. */
  eventLoopLookMs: 100,
  /** The last metrics that are pushed when a node stops. Above: they are lost. */
  metricsFarewellMs: 2_000,
} as const;
