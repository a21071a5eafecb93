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
  /** The last spans that are sent when a node stops. Above: they are lost. */
  tracesFarewellMs: 2_000,
  /** What one span is linked to, as many as the SDK keeps; a batch of events has more causes. Above: the
   *  first ones count. */
  spanLinksMax: 128,
  /** Wait of `doctor` for one answer of a service. Above: it is told as away. */
  doctorAnswerMs: 5_000,
  /** Longest that a log level is changed for a while: a day. More: REQUEST_INVALID. */
  logLevelSecondsMax: 86_400,
} as const;
