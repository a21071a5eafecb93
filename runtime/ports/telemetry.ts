/**
 * Named happenings: what the runtime tells about itself. Metrics, logs and tests are fed from these;
 * tests wait on them instead of sleeping.
 */
export type Happening =
  | { readonly name: 'message-completed'; readonly messageType: string; readonly events: number }
  | { readonly name: 'message-abandoned'; readonly messageId: string; readonly code: string }
  | { readonly name: 'message-dead-lettered'; readonly messageId: string; readonly code: string }
  | { readonly name: 'actor-activated'; readonly stream: string; readonly replayed: number }
  | {
      readonly name: 'actor-passivated';
      readonly stream: string;
      readonly reason: 'idle' | 'bound' | 'drain';
    }
  | {
      readonly name: 'turn-appended';
      readonly stream: string;
      readonly messages: number;
      readonly events: number;
    }
  | { readonly name: 'append-conflicted'; readonly stream: string; readonly actual: number }
  | {
      readonly name: 'append-retried';
      readonly stream: string;
      readonly code: string;
      readonly attempt: number;
    }
  | {
      readonly name: 'recovery-retried';
      readonly stream: string;
      readonly code: string;
      readonly attempt: number;
    }
  | { readonly name: 'snapshot-saved'; readonly stream: string; readonly revision: number }
  | { readonly name: 'snapshot-failed'; readonly stream: string; readonly error: Error }
  | {
      readonly name: 'projection-applied';
      readonly projection: string;
      readonly events: number;
      readonly position: number;
    }
  | { readonly name: 'projection-live'; readonly projection: string; readonly position: number }
  | {
      readonly name: 'projection-retried';
      readonly projection: string;
      readonly error: Error;
      readonly attempt: number;
    }
  /** Another runner had applied the batch; this one goes on from where that one stands. */
  | {
      readonly name: 'projection-overtaken';
      readonly projection: string;
      readonly position: number;
    }
  | { readonly name: 'projection-stopped'; readonly projection: string; readonly error: Error }
  | { readonly name: 'projection-rebuilt'; readonly projection: string; readonly position: number }
  /** A broker gave this node a shard. */
  | { readonly name: 'shard-taken'; readonly shard: string }
  /** A passing fault holds a shard up; what is unsettled comes again after a pause, in order. */
  | {
      readonly name: 'shard-paused';
      readonly shard: string;
      readonly code: string;
      readonly attempt: number;
    }
  /** A shard went back to the broker: idle, its turn was over, this node stops, or its lock is lost. */
  | {
      readonly name: 'shard-released';
      readonly shard: string;
      readonly reason: 'quiet' | 'turn' | 'drain' | 'lost';
    }
  /** Messages that came without a shard were passed on to theirs. */
  | { readonly name: 'intake-routed'; readonly messageId: string; readonly shard: string }
  | {
      readonly name: 'bus-retried';
      readonly task: string;
      readonly error: Error;
      readonly attempt: number;
    }
  /** A broker is set so that it may lose what it acknowledged. */
  | { readonly name: 'bus-doubted'; readonly risk: string }
  | { readonly name: 'source-event-ignored'; readonly system: string; readonly event: string }
  | {
      readonly name: 'page-read';
      readonly connection: string;
      readonly outcome: 'read' | 'gone' | 'forbidden' | 'unreadable';
    }
  /** Messages were too many, too large, or could not be sent; listeners are told that they missed some. */
  | { readonly name: 'broadcast-dropped'; readonly channel: string; readonly messages: number }
  /** Who answered a read: the cache, the store, or the store because the cache can't be reached. */
  | { readonly name: 'cache-read'; readonly outcome: 'hit' | 'loaded' | 'bypassed' }
  /** An answer was loaded and not kept: its tags were invalidated meanwhile, or it is too large. */
  | { readonly name: 'cache-refused'; readonly reason: 'invalidated' | 'too-large' }
  /** The cache can't be reached; reads go to the store. */
  | { readonly name: 'cache-away'; readonly error: Error }
  /** It can again, and knows all that was invalidated meanwhile; `isEmptied`: by losing everything. */
  | { readonly name: 'cache-back'; readonly tags: number; readonly isEmptied: boolean }
  /** A connection to Redis is lost, or can't be made; once an outage. */
  | { readonly name: 'redis-away'; readonly connection: string; readonly error: Error }
  | { readonly name: 'redis-back'; readonly connection: string }
  /** The feed is held up by a fault and goes on from where it was. */
  | { readonly name: 'feed-retried'; readonly error: Error; readonly attempt: number }
  /** The node ended a follower of the feed. */
  | {
      readonly name: 'follower-ended';
      readonly reason: 'lagging' | 'silent' | 'draining' | 'overgrown' | 'failed';
      readonly position: number;
    }
  | { readonly name: 'background-failed'; readonly task: string; readonly error: Error };

export interface Telemetry {
  /** Called on the hot path: must be quick and must not throw. */
  record(happening: Happening): void;
}
