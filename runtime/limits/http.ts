/** HTTP: requests, connections, and the live feed. */
export const httpLimits = {
  /** HTTP requests under way, and the bytes of their bodies: 5 to 50 KB each as a rule. At either:
   *  BUS_SATURATED (HTTP 503). */
  httpRequestsMax: 1_000,
  httpBodiesBytesMax: 256 * 1024 * 1024,
  /** Connections, busy or idle. At it: the next is dropped before its first byte. */
  httpConnectionsMax: 4_096,
  /** URL and headers of one request. An id in a path takes 9 bytes a UTF-16 unit at most, 4.5 KiB.
   *  Above: HEADERS_TOO_LARGE. */
  httpHeaderBytesMax: 16 * 1024,
  /** One request from its first byte to its last. Above: REQUEST_TIMEOUT. */
  httpRequestMs: 30_000,
  /** Wait for answers under way when the server closes; then their connections are cut. */
  httpCloseMs: 5_000,
  /** Wait, of those, for connections that never asked anything, as browsers and balancers open in advance. */
  httpUnaskedMs: 500,
  /** Wait of a health check for one part of the node. Above: it is not well. */
  healthCheckMs: 2_000,
  /** How long a report of GET /health is used again, so that a flood of them asks each part once a second. */
  healthKeptMs: 1_000,
  /** Age of the oldest event that a projection has not applied; as a rule they wait for 0.1 s. Above: it is
   *  degraded. */
  healthLagMs: 60_000,
  /** Difference between the clocks of a node and of its PostgreSQL; with NTP it is milliseconds. Above: the
   *  node is degraded. */
  clockOffMs: 5_000,

  /** Waits for rows to reach a position. At it: READ_STORE_UNAVAILABLE. */
  progressWaitersMax: 256,
  /** UTF-16 units of the names that a notification lists. Above: it lists none and says so. */
  notifiedNamesCharsMax: 4_096,
  /** Followers of one node's feed, and of one tenant's. At either: FEED_FULL (HTTP 503). */
  feedFollowersMax: 2_000,
  feedFollowersOfTenantMax: 1_000,
  /** Entities in one follower's filter. Above: REQUEST_INVALID. */
  feedEntitiesMax: 100,
  /** Relationships of an entity whose neighbourhood is followed, 200 B each. Above, or when it grows
   *  above: QUERY_TOO_LARGE. */
  feedNeighboursMax: 1_000,
  /** Notifications at hand for who was away for a moment, 1 KiB each; older ones are in the log. */
  feedRecentMax: 4_096,
  /** Events of one page of the log for who was away longer, 2 ms; and how many read at a time. */
  feedPageEvents: 250,
  feedJoiningMax: 8,
  /** What waits in one follower's socket, shared with all who get the same. Above: it is given no more
   *  until its line has taken that, and then what it missed, from the log. */
  feedBacklogBytesMax: 256 * 1024,
  /** What a line may take for that: 50 KB/s at the least. Above: it is cut, and may come again. */
  feedPatienceMs: 5_000,
  /** How often followers hear from a node that has nothing to say; proxies allow 60 s. One that did not
   *  answer, or took nothing, by the next time is dropped. */
  feedHeartbeatMs: 25_000,
  /** Longest pause after a round of handing over, which is half as long as the round took: a large crowd
   *  leaves a third of the time to the rest of the node. With 1,000 followers half was best for them, too:
   *  p50 10 ms, where a pause of a quarter or as long as the round gave 18 and 16. */
  feedPauseMsMax: 20,
  /** How often a node asks whether the one that tells other services is gone. */
  leadAskMs: 1_000,
  /** Wait for a follower to say goodbye. Above: its connection is cut. */
  feedFarewellMs: 1_000,

  /** One message of an MCP client: a call with 16 of the longest ids. Above: MESSAGE_TOO_LARGE. */
  mcpMessageBytesMax: 256 * 1024,
  /** UTF-16 units of a tool's answer as JSON, and as text: 12,000 tokens. Above: its texts are shortened,
   *  and where that is not enough QUERY_TOO_LARGE. */
  mcpAnswerCharsMax: 48_000,
  /** Items of a tool's answer. */
  mcpItemsMax: 50,
  mcpItemsDefault: 20,
} as const;
