/** The buses: messages in flight, shards and who holds them. */
export const busLimits = {
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

  /** A node that has not told Redis for this long that it is there is dead, and others take its shards;
   *  twenty times the pause between two tellings, so that a slow moment costs nothing. */
  busLeaseMs: 10_000,
  busTickMs: 500,
  /** How long a node waits at its bell before it asks again. */
  busListenMs: 2_000,
  /** Nodes that may have had a message and ended, or taken too long, before it is a dead letter; after
   *  the second, it is handed out alone, so that its neighbours do not share its fate. */
  busHoldersMax: 10,
  busSuspectAfter: 2,
  /** Bodies that a node has of Redis and has not settled. At it: the rest stays in Redis. */
  busHeldBytesMax: 64 * 1024 * 1024,
  /** Messages and bytes of one batch: 500 keep Redis busy for 5 ms. Above: the next batch. */
  busBatchMessagesMax: 500,
  busBatchBytesMax: 4 * 1024 * 1024,
  /** How long, and of how many messages at most, Redis remembers the ids, 150 B each, so that a repeat is
   *  dropped. At either: a repeat is delivered, and has no effect twice. */
  busSeenMs: 5 * 60_000,
  busSeenMessagesMax: 500_000,
  /** Messages of one shard that wait in Redis; 256 × 20,000 × 1 KiB = 5 GiB, so `maxmemory` may come
   *  first. At either: BUS_SATURATED. */
  shardBacklogMessagesMax: 20_000,
} as const;
