/**
 * One turn of an actor: all messages that waited, decided in order in memory, as one append.
 *
 * A message that can't be taken fails alone: its neighbours are decided as if it had not come.
 */
import type { ActorDefinition } from '../actor.ts';
import type { Envelope, StreamName } from '../envelope.ts';
import { type RuntimeError, toRuntimeError } from '../errors.ts';
import type { DomainEvent, EventMetadata, NewEvent } from '../event.ts';

/** What became of one message: the number of its events, or why it can't be taken. */
export type Outcome = number | RuntimeError;

export interface Turn {
  readonly events: readonly NewEvent[];
  /** The state once they are recorded. */
  readonly state: unknown;
  /** One for each message, in order. */
  readonly outcomes: readonly Outcome[];
}

/** What a turn takes from the world: names for its events and the time, ISO 8601. */
export interface TurnSurroundings {
  readonly named: (name: string) => string;
  readonly recordedAt: string;
}

export function decideTurn(
  definition: ActorDefinition,
  stream: StreamName,
  start: unknown,
  messages: readonly Envelope[],
  surroundings: TurnSurroundings,
): Turn {
  const events: NewEvent[] = [];
  const outcomes: Outcome[] = [];
  let state = start;
  for (const message of messages) {
    try {
      const facts = recorded(stream, message, definition.decide(state, message), surroundings);
      let next = state;
      for (const fact of facts) next = definition.evolve(next, fact);
      state = next;
      events.push(...facts);
      outcomes.push(facts.length);
    } catch (thrown) {
      outcomes.push(toRuntimeError(thrown));
    }
  }
  return { events, state, outcomes };
}

/** The id is the same for the same message, actor and index, so that a repeat is recognised. */
function recorded(
  stream: StreamName,
  message: Envelope,
  decided: readonly DomainEvent[],
  { named, recordedAt }: TurnSurroundings,
): readonly NewEvent[] {
  if (decided.length === 0) return [];
  const { messageId, correlationId, causationId, traceparent } = message;
  const metadata: EventMetadata = {
    messageId,
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(causationId === undefined ? {} : { causationId }),
    ...(traceparent === undefined ? {} : { traceparent }),
    recordedAt,
  };
  return decided.map(({ type, schemaVersion, data }, index) => ({
    id: named(`${stream}/${messageId}/${index}`),
    type,
    schemaVersion,
    data,
    metadata,
  }));
}
