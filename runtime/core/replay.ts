/** From events back to a state. */
import type { ActorDefinition } from '../actor.ts';
import type { RecordedEvent } from '../event.ts';

/** Where an actor stands: its state after the event at `revision`; -1 before the first. */
export interface Standing {
  readonly state: unknown;
  readonly revision: number;
}

/** The standing after further events of the same stream, in order. */
export function replay(
  definition: ActorDefinition,
  from: Standing,
  events: readonly RecordedEvent[],
): Standing {
  let { state, revision } = from;
  for (const event of events) {
    state = definition.evolve(state, definition.upcast(event));
    revision = event.revision;
  }
  return { state, revision };
}
