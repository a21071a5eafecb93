/**
 * Named happenings: what the runtime tells about itself. Metrics, logs and tests are fed from these;
 * tests wait on them instead of sleeping.
 */
export type Happening =
  /** `ms`: from the delivery until its events were durable. */
  | {
      readonly name: 'message-completed';
      readonly messageId: string;
      readonly messageType: string;
      readonly events: number;
      readonly ms: number;
    }
  /** An empty type: it could not be read. Without type and `ms`: refused by the bus, unread. */
  | {
      readonly name: 'message-abandoned' | 'message-dead-lettered';
      readonly messageId: string;
      readonly code: string;
      readonly messageType?: string;
      readonly ms?: number;
    }
  /** What was handed to the bus together; `code` where the bus did not take it. */
  | {
      readonly name: 'messages-published';
      readonly messages: readonly { readonly messageId: string; readonly messageType?: string }[];
      readonly ms: number;
      readonly code?: string;
    }
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
      /** The append alone, with its repeats. */
      readonly ms: number;
    }
  /** One commit of the embedded log: the events of all appends that shared it. */
  | { readonly name: 'group-committed'; readonly events: number }
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
  /** A request's answer is on its way; `route` is the pattern, empty where none matched. */
  | {
      readonly name: 'request-answered';
      readonly method: string;
      readonly route: string;
      readonly status: number;
      readonly ms: number;
    }
  /** A search went on without vectors, as the model did not give one. */
  | { readonly name: 'search-degraded'; readonly error: Error }
  /** Chunks of documents are in the index; `refused`: documents of which something is left out. */
  | {
      readonly name: 'documents-indexed';
      readonly documents: number;
      /** Texts that the model was asked for. */
      readonly embedded: number;
      readonly refused: number;
    }
  /** The index is held up, by its model or by the store. */
  | { readonly name: 'indexing-retried'; readonly error: Error; readonly attempt: number }
  /** One call to the embedding model; `code` where it gave no vectors. */
  | {
      readonly name: 'embedder-called';
      readonly texts: number;
      readonly ms: number;
      readonly code?: string;
    }
  /** Spans could not be sent, or not in time. */
  | { readonly name: 'tracing-failed'; readonly error: Error }
  | { readonly name: 'background-failed'; readonly task: string; readonly error: Error };

export interface Telemetry {
  /** Called on the hot path: must be quick and must not throw. */
  record(happening: Happening): void;
  /** Absent: nothing is traced, and nothing is spent on it. */
  readonly tracer?: Tracer;
}

export interface SpanStart {
  readonly name: string;
  readonly kind: 'internal' | 'producer' | 'consumer' | 'client';
  /** Traceparents of what led to it; those that are absent or none are passed over. */
  readonly causes?: readonly (string | undefined)[];
  /** Those that are undefined are passed over. */
  readonly attributes?: Readonly<Record<string, string | number | boolean | undefined>>;
}

/**
 * What a span does. It is given its own context where that is recorded, for what is kept; and in any case, for
 * what it sends, so that all of a trace is recorded or nothing of it.
 */
export type TracedWork<T> = (recorded: string | undefined, own: string) => Promise<T>;

/** Spans of one process; contexts travel as W3C traceparent text. */
export interface Tracer {
  /** Whether what runs now is part of a recorded span. */
  readonly isRecording: boolean;
  /**
   * Runs `work` at once as a span. Without causes the span is a child of what runs now. Causes of one
   * trace: it is in that, child of the first, and linked to the others. Of several: it begins its own and
   * links them all, limits.spanLinksMax at most. None of them a context: it begins its own. Rejects and
   * throws as `work` does.
   */
  span<T>(start: SpanStart, work: TracedWork<T>): Promise<T>;
}
