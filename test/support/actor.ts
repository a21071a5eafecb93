/** Runs an actor as the runtime does, without the runtime: decide, record, evolve. */
import type { ActorDefinition, DomainEvent, Envelope } from '#runtime';

export interface Lived {
  readonly state: unknown;
  readonly events: readonly (DomainEvent & { readonly metadata: { readonly messageId: string } })[];
}

/** The state and the events of an actor that got these messages in this order. */
export function live(
  definition: ActorDefinition,
  messages: readonly Envelope[],
  start: Lived = { state: definition.initial, events: [] },
): Lived {
  let { state } = start;
  const events = [...start.events];
  for (const message of messages) {
    for (const decided of definition.decide(state, message)) {
      const event = { ...decided, metadata: { messageId: message.messageId } };
      state = definition.evolve(state, event);
      events.push(event);
    }
  }
  return { state, events };
}

/** The state that the recorded events alone lead to, after a trip through JSON. */
export function replayed(definition: ActorDefinition, { events }: Lived): unknown {
  const stored = JSON.parse(JSON.stringify(events)) as Lived['events'];
  return stored.reduce((state, event) => definition.evolve(state, event), definition.initial);
}

/** The types of what happened, in order. */
export function typesOf({ events }: Lived): readonly string[] {
  return events.map(({ type }) => type);
}
