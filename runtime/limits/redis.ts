/** Redis, and what is broadcast and cached, with or without it. */
export const redisLimits = {
  /** Wait for an answer of Redis, which takes 0.1 ms; the rest is for a busy process. Above: what needed it
   *  does without (a read goes to the store). */
  redisAnswerMs: 1_000,
  /** A server that is asked and says nothing for this long is left and connected to anew. */
  redisSilenceMs: 3_000,
  /** Messages that a node has handed to Redis and that are not answered for yet, and the size of one, in
   *  UTF-16 units: 10,000 × 2 KiB = 20 MiB. At either: they are dropped, and listeners are told that they
   *  missed some. */
  broadcastWaitingMax: 10_000,
  broadcastCharsMax: 256 * 1024,
  /** Subscriptions of one node: one for each connection of a client, and some. At it: BUS_SATURATED. */
  broadcastListenersMax: 16_384,
  /** An answer's name, its tags and its JSON in UTF-16 units; a neighbourhood has a tag for each of its
   *  nodes, 1,000 at most. Above: it is not kept. */
  cacheNameCharsMax: 4_096,
  cacheTagsMax: 1_024,
  cacheValueCharsMax: 1024 * 1024,
  /** Answers in memory, and their JSON in UTF-16 units, 64 MiB. At either: the longest unused one goes. */
  cacheEntriesMax: 50_000,
  cacheCharsMax: 32 * 1024 * 1024,
  /** Longest that an answer is kept. More is taken as this much. */
  cacheTtlMsMax: 60 * 60_000,
  /** How long one node may take to load an answer before others do not wait for it any more, and how long
   *  one read waits. Above: it loads for itself. */
  cacheLeaseMs: 5_000,
  cacheWaitMs: 1_000,
  /** Tags whose invalidation is remembered while loads are under way (in memory), or while Redis is away:
   *  100,000 × 100 B = 10 MiB. At it: no load under way is kept; or all of the cache is dropped when it
   *  is back. */
  cacheTagsWaitingMax: 100_000,
  /** A node that was silent for this long is taken for gone; it beats three times in it. */
  presenceMs: 15_000,
  /** One attempt to connect, and the longest pause between two. */
  redisConnectMs: 5_000,
  redisRetryCapMs: 2_000,
} as const;
