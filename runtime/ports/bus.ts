/**
 * The bus: at-least-once delivery of messages in per-shard order, settled one by one.
 *
 * A body is bytes or text as its producer sent it; nobody before the dispatcher has checked it. It
 * is kept as it came so that a dead letter holds the original.
 */

export interface BusMessage {
  /** The producer's message id; for duplicate detection where the bus has it, and for the reader. */
  readonly messageId: string;
  /** JSON text as sent; bytes where they were no UTF-8. */
  readonly body: string | Uint8Array;
  /** For telemetry alone, where its publisher knows it; does not travel. */
  readonly messageType?: string;
  /** W3C context of the span that sent it; travels beside the body, which stays what its producer wrote. */
  readonly traceparent?: string;
}

/** A message handed to the consumer. Exactly one of the three settlements must be called. */
export interface Delivery {
  readonly message: BusMessage;
  /** From 1; counts this delivery too. */
  readonly deliveryCount: number;
  /** It is done and durable: never deliver it again. */
  complete(): Promise<void>;
  /** A transient fault: deliver it again after a pause. */
  abandon(reason: DeadLetterReason): Promise<void>;
  /** It can never be handled: keep it with its reason. Resolves when that is durable. */
  deadLetter(reason: DeadLetterReason): Promise<void>;
}

export interface DeadLetterReason {
  /** A code of errors.ts. */
  readonly code: string;
  readonly detail: string;
}

export interface DeadLetter {
  /** Names this dead letter for redrive and purge. */
  readonly id: string;
  /** Null where it can't be read from the body. */
  readonly tenantId: string | null;
  readonly messageId: string;
  readonly reason: DeadLetterReason;
  /** As it came; bytes that are no UTF-8 in base64, and then `encoding` says so. */
  readonly body: string;
  readonly encoding: 'utf8' | 'base64';
  /** ISO 8601. */
  readonly deadLetteredAt: string;
}

/** The dead letters of one tenant (promise 9); `null` is for those whose tenant cannot be read. */
export interface DeadLetters {
  /** Oldest first, after the given id. */
  peek(options: {
    tenantId: string | null;
    after?: string;
    limit: number;
  }): Promise<readonly DeadLetter[]>;
  get(options: { tenantId: string | null; id: string }): Promise<DeadLetter | null>;
  /**
   * Publishes them again, then forgets them; a crash between the two delivers twice, never not at
   * all. Without ids: all that are there now, limits.deadLettersPageMax a call. Answers how many.
   */
  redrive(options: { tenantId: string | null; ids?: readonly string[] }): Promise<number>;
  /** Forgets them. Answers how many. */
  purge(options: { tenantId: string | null; ids?: readonly string[] }): Promise<number>;
  /**
   * How many there are of all tenants together; null where the bus does not tell. For who looks now and
   * then: what was counted before is not read again. Rejects with BUS_UNAVAILABLE or LOG_UNAVAILABLE.
   */
  count(): Promise<number | null>;
}

/** What is not settled yet. Null: the bus can't tell without reading it. */
export interface Backlog {
  /** In this process: waiting to be handed over, waiting for a place, and handed out. */
  readonly here: number;
  /** In the bus, for all nodes together, with what is here of it. */
  readonly all: number | null;
}

/** Called for each delivery; may run many at once. Must settle the delivery and not throw. */
export type DeliveryHandler = (delivery: Delivery) => Promise<void>;

export interface Bus {
  /**
   * Hands messages over. Resolves when the bus has taken responsibility: the in-process bus when
   * each is completed or dead-lettered, a broker when each is stored. Rejects with BUS_SATURATED,
   * SHUTTING_DOWN, BUS_UNAVAILABLE, BLOBS_UNAVAILABLE or the handler's transient error (retry all;
   * repeats have no effect twice).
   */
  publish(messages: readonly BusMessage[]): Promise<void>;
  /**
   * Starts delivering, in the order of arrival for any one actor; at most `inFlightMax` deliveries
   * are unsettled at a time, the rest waits in the bus. One consumer a bus. Answers a function that
   * stops delivering and resolves when all that was delivered is settled.
   */
  consume(
    handler: DeliveryHandler,
    options: { readonly inFlightMax: number },
  ): Promise<() => Promise<void>>;
  /** Asks whether it can be published to now. Rejects with BUS_UNAVAILABLE where it does not answer. */
  check(): Promise<void>;
  /** Counts what is not settled; for who looks now and then. Rejects with BUS_UNAVAILABLE. */
  backlog(): Promise<Backlog>;
  readonly deadLetters: DeadLetters;
}
