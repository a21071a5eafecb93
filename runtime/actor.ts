/**
 * What the frame asks of an actor: a kind, a fold, a decision. Everything here is pure; the runtime
 * brings the mailbox, the log and the time.
 */
import type { Address, Envelope } from './envelope.ts';
import type { DomainEvent, Fact, RecordedEvent } from './event.ts';

export interface ActorDefinition<
  State = unknown,
  Message extends Envelope = Envelope,
  Event extends DomainEvent = DomainEvent,
> {
  /** Category of its streams; no `-`. */
  readonly kind: string;
  /** Version of the machine and the state's shape; a snapshot of another version is dropped. */
  readonly version: number;
  /** State of an actor to whom nothing has happened. Never mutated. */
  readonly initial: State;
  /**
   * What follows from a message in a state. No events: the message changes nothing (late or doubled),
   * and must go on changing nothing whatever else happens to the actor, since such an answer is given
   * without asking the log. Deterministic. Throws STATE_TOO_LARGE (terminal) for a message that
   * cannot be taken.
   */
  decide(state: State, message: Message): readonly Event[];
  /** The state after one event. Deterministic, total over every event ever written. */
  evolve(state: State, event: Fact): State;
  /** An event of any version in today's. Throws EVENT_VERSION_UNKNOWN for a newer version or type. */
  upcast(event: RecordedEvent): RecordedEvent;
}

/** A message that passed its contract, with the actor that it is for. */
export interface Routed {
  readonly envelope: Envelope;
  readonly address: Address;
}

/** The contracts, as the dispatcher needs them. */
export interface Contracts {
  /**
   * Reads a body as it came from outside. Throws MESSAGE_NOT_JSON, MESSAGE_TOO_LARGE,
   * MESSAGE_TYPE_UNKNOWN, MESSAGE_VERSION_UNKNOWN or MESSAGE_INVALID (all terminal;
   * `data.tenantId` and `data.messageId` where they could be read).
   */
  read(body: string | Uint8Array): Routed;
}
