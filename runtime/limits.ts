/**
 * Every bound of the runtime, in one place, with its unit in its name, its reason, and what happens
 * at it. Relations between bounds are asserted at the end, so that a careless edit fails at start.
 */
export const limits = {
  /** A command or webhook body. Largest captured webhook: 47 KB; issues with a long changelog pass
   *  300 KB; Atlassian sends up to 25 MB. Above: MESSAGE_TOO_LARGE, HTTP 413. */
  messageBytesMax: 8 * 1024 * 1024,
  /** One event's data and metadata as JSON. KurrentDB's default append limit is 1 MiB a batch of
   *  its own framing; we allow 1 MiB of data and some metadata. Above: EVENT_TOO_LARGE. */
  eventBytesMax: 1024 * 1024 + 64 * 1024,
  /** Nesting of a JSON body. V8 recurses in JSON.parse and we recurse in checks; 64 is far above any
   *  ADF page seen (20). Above: MESSAGE_INVALID. */
  jsonDepthMax: 64,
  /** Ids of entities, relationships and messages, in UTF-16 units. An index row of PostgreSQL holds
   *  2,704 bytes; tenant and one id of 4-byte characters must fit: 64 + 512 × 4 = 2,112. */
  idCharsMax: 512,
  tenantCharsMax: 64,
  /** Properties of one actor, so that a turn stays short. Above: STATE_TOO_LARGE. */
  propertiesMax: 256,
  /** Ends of which a relationship remembers whether they exist. It has two; the rest are those it had
   *  before it was retargeted, or may get. At it: one that is no end is forgotten. */
  endsRememberedMax: 64,
  /** One message's share of text after extraction; the rest is cut and marked. 256 Ki UTF-16 units
   *  stay below eventBytesMax for any script (3 bytes a unit at most) and below PostgreSQL's 1 MiB
   *  tsvector. */
  textCharsMax: 256 * 1024,

  /** Messages waiting in one mailbox. 1,024 × 8 KiB ≈ 8 MiB of one busy actor. At it: the message is
   *  abandoned with BUS_SATURATED and comes again. */
  mailboxMessagesMax: 1024,
  /** Messages decided in one turn: one append, one fsync. 64 keeps an append below the event batch
   *  bound and a turn below 5 ms. The rest waits for the next turn. */
  turnMessagesMax: 64,
  /** Living actors. 100,000 × 2 KiB ≈ 200 MiB. At it: the longest idle one is passivated. */
  activeActorsMax: 100_000,
  /** An actor without a message for this long is passivated. */
  actorIdleMs: 5 * 60_000,
  /** How often idle actors are looked for. */
  actorSweepMs: 10_000,
  /** Events of one stream between two snapshots: a cold start reads at most this many events. */
  snapshotEveryEvents: 100,
  /** Lost races of one turn before its messages are abandoned with CONFLICT_UNRESOLVED. */
  conflictRetriesMax: 8,
  /** Repeats of one append or recovery while the log says LOG_UNAVAILABLE, with backoff: 50 to 400 ms,
   *  about 0.7 s in all. Above: the message is abandoned, and the bus delivers it again. */
  transientRetriesMax: 4,
  retryBaseMs: 50,
  retryCapMs: 5_000,

  /** Messages that the dispatcher has taken from the bus and not settled. At it: the bus holds the
   *  rest back. 4,096 × 2 KiB ≈ 8 MiB, and sixteen full group commits. */
  inFlightMessagesMax: 4096,
  /** Messages that wait in the in-process bus for a place. At it: BUS_SATURATED (HTTP 503). */
  busWaitingMessagesMax: 100_000,
  /** Deliveries of one message before the in-process bus gives it back to its publisher, who waits for
   *  it: about 5 s with the log away, well inside a webhook sender's patience (20 s). */
  deliveriesMax: 5,
  /** How long a stopping node waits for its turns before it stops anyway. Kubernetes kills at 30 s. */
  drainMs: 20_000,

  /** Shards of all addresses, the unit of ownership between nodes; 256 spread over a dozen nodes. Never
   *  change it while messages are under way: an actor's next shard would not wait for its last. */
  shards: 256,
  /** Shards that one node holds at a time; all of them, so that one node alone serves all. At it: it
   *  takes further ones as it gives others back. */
  shardsHeldMax: 256,
  /** Messages that a node has of one shard and has not settled: 256 × 32 × 2 KiB = 16 MiB, and a busy
   *  shard still fills a group commit. At it: the broker keeps the rest. */
  shardMessagesMax: 32,
  /** A shard without a message for this long is given back. */
  shardQuietMs: 1_000,
  /** A shard is given back after this long, busy or not, so that a node that joins gets its share:
   *  half of it after one such turn. A turn costs a few round trips. */
  shardTurnMs: 20_000,
  /** Requests for a further shard that a node has open at a time: 256 are taken in about a second. */
  shardRequestsMax: 4,
  /** How long such a request waits in the broker; closing a bus waits for it. */
  shardRequestMs: 2_000,
  /** How long one message may be handled before its shard's lock is renewed no more, and another node
   *  gets it. */
  shardWorkMs: 5 * 60_000,
  /** A body on a broker; Standard namespaces take 256 KB a message, its properties counted in. Above:
   *  the body goes to the blobs and a claim check in its place. */
  busBodyBytesMax: 192 * 1024,
  /** One attempt to send. Above: tried again, busSendRetriesMax times; 16 s in all, inside a webhook
   *  sender's patience (20 s). Then BUS_UNAVAILABLE. */
  busSendMs: 5_000,
  busSendRetriesMax: 2,
  /** Failed attempts in a row after which sends are refused at once, and for how long. */
  busBreakerFailuresMax: 6,
  busBreakerMs: 5_000,
  /** Messages without a shard that one node passes on at a time. */
  intakeMessagesMax: 500,
  /** Wait for a broker to say goodbye, or to answer whether it is there. Above: it is left alone. */
  busAnswerMs: 5_000,

  /** Appends that may wait for one group commit. At it: append waits. */
  appendQueueMax: 16_384,
  /** Events in one group commit; fsync is shared by all of them. */
  groupCommitEventsMax: 2_048,
  /** Events in one batch that a subscription hands over; a batch grows with the backlog up to this. */
  subscriptionBatchMax: 2_000,
  /** Longest silence before a follower of the log looks again, should a wake-up be lost. */
  tailPollMs: 25,
  /** UTF-16 units of JSON in one group commit, and in one batch of a subscription: what large events
   *  may hold of memory. At it: the group or batch ends with the event that reached it. */
  groupCommitCharsMax: 8 * 1024 * 1024,
  subscriptionBatchCharsMax: 8 * 1024 * 1024,
  /** Events that one look at the log passes over for a filter before it lets others run: 0.15 µs each
   *  that does not match, so 7 ms. */
  logScanEventsMax: 50_000,
  /** Wait for the write lock of a log that other processes write too. Above: LOG_UNAVAILABLE. */
  logLockMs: 5_000,
  /** SQLite's journal beside the log; at it, it is copied into the log. 16 MiB hold 30,000 events. */
  logJournalBytes: 16 * 1024 * 1024,

  /** One statement on the read store; a batch of 2,000 events takes 100 ms. Above: it is cancelled
   *  and READ_STORE_UNAVAILABLE. */
  statementTimeoutMs: 15_000,
  /** Connections of one node to PostgreSQL, whose default is 100 for all nodes. */
  readConnectionsMax: 8,
  /** Queries that wait for a connection (PGlite has one). At it: READ_STORE_UNAVAILABLE. */
  readsWaitingMax: 2_000,
  /** Wait for a connection to PostgreSQL. Above: READ_STORE_UNAVAILABLE. */
  readConnectMs: 5_000,
  /** Characters that a rebuild folds in memory before it writes them; two folds at a time. About
   *  140,000 rows of 100 characters of properties, 80 MiB of objects. */
  foldedCharsMax: 48 * 1024 * 1024,
  /** Relationships whose ends are told of in one publish. */
  announcedLinksMax: 500,

  /** A source's host name, as part of entity ids. 11 + 100 + 12 + 128 UTF-16 units make the longest
   *  entity id; two of them and a word still make a relationship id. */
  siteCharsMax: 100,
  /** How far ahead of our clock a source's time may lie before it is not believed. */
  sourceSkewMsMax: 24 * 60 * 60_000,
  /** Messages that one webhook may come to. An issue with 2,000 comments gives 8,000. Above:
   *  MESSAGE_TOO_LARGE. */
  deliveryMessagesMax: 20_000,
  /** Requests to one source at a time; Atlassian answers bursts with 429. */
  sourceRequestsMax: 4,
  /** One request, headers to last byte. Above: SOURCE_UNAVAILABLE. */
  sourceRequestMs: 30_000,
  /** Further attempts of one request, with backoff, before the batch waits for the projector's own. */
  sourceRetriesMax: 5,
  sourceBackoffBaseMs: 500,
  sourceBackoffCapMs: 60_000,
  /** Longest pause that a Retry-After may ask for; more is taken as this much. */
  sourcePauseMsMax: 15 * 60_000,
  /** Pages whose last read is remembered, to save reads while history is replayed. 200 B each. */
  pagesRememberedMax: 10_000,

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
  /** Wait of /health/ready for one store. Above: it is not well. */
  healthCheckMs: 2_000,

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

/** The same bounds as plain numbers, so that a test can hold a runtime to smaller ones. */
export type Limits = Readonly<Record<keyof typeof limits, number>>;

const relations: readonly (readonly [boolean, string])[] = [
  [
    limits.turnMessagesMax <= limits.mailboxMessagesMax,
    'a turn takes no more than a mailbox holds',
  ],
  [limits.textCharsMax * 3 < limits.eventBytesMax, 'the longest text fits into one event'],
  [limits.tenantCharsMax + limits.idCharsMax * 4 < 2704, 'tenant and id fit into an index row'],
  [limits.turnMessagesMax <= limits.groupCommitEventsMax, 'a turn fits into one group commit'],
  [limits.eventBytesMax <= limits.subscriptionBatchCharsMax, 'a batch holds the largest event'],
  [limits.messageBytesMax <= limits.httpBodiesBytesMax, 'the largest body may come in'],
  [limits.idCharsMax * 9 < limits.httpHeaderBytesMax, 'any id fits into a URL'],
  [limits.inFlightMessagesMax <= limits.activeActorsMax, 'every message in flight has its actor'],
  [limits.shardsHeldMax >= limits.shards, 'one node alone can hold every shard'],
  [limits.shardMessagesMax <= limits.mailboxMessagesMax, 'a shard in hand fits into one mailbox'],
  [limits.deadLettersPageMax <= limits.deadLettersLockedMax, 'a page of letters can be locked'],
  [limits.pageItemsDefault <= limits.pageItemsMax, 'the default page is a legal page'],
];
for (const [holds, claim] of relations) {
  if (!holds) throw new Error(`limits.ts contradicts itself: ${claim}`);
}
