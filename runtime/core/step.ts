/**
 * One step of an XState machine, as a pure function: phase, context and message in, events out.
 *
 * The one file of the frame that knows XState. Its words end here: its *event* is our message, its
 * *emit* our event, its *snapshot* our phase and state.
 *
 * XState's own `transition()` builds an inert actor with a system around it on every call (9.5 µs).
 * A machine that uses no `invoke`, `after`, `spawn` or `sendTo` never touches that actor, so one of
 * them serves all steps of a machine, and the machine's own public `transition` method does the work
 * (3.6 µs, same machine, same guards). The scope refuses what such a machine must not do.
 */
import {
  type AnyActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
} from 'xstate';

/** A step: the events that the machine emits on `message`, in order, and the phase it ends in. */
export interface Step<Event> {
  readonly events: readonly Event[];
  readonly phase: string;
}

/**
 * The step function of a machine.
 *
 * `step(phase, context, message)` starts the machine in `phase` with `context` and sends it
 * `{ type: message.messageType, message }`. Neither the machine nor the context is changed. Throws
 * what a guard or an action throws.
 */
export function stepsOf<Context, Message extends { readonly messageType: string }, Event>(
  machine: AnyStateMachine,
): (phase: string, context: Context, message: Message) => Step<Event> {
  const actor = createActor(machine);
  let emitted: Event[] = [];
  const scope = {
    self: actor,
    system: actor.system,
    id: machine.id,
    sessionId: machine.id,
    logger: refuse,
    defer: refuse,
    stopChild: refuse,
    emit: refuse,
    actionExecutor: (action: { readonly type: string; readonly params?: unknown }) => {
      if (action.type !== 'xstate.emit') refuse();
      emitted.push((action.params as { readonly event: Event }).event);
    },
  } as unknown as AnyActorScope;

  const starts = new Map<string, AnyMachineSnapshot>();
  const startIn = (phase: string, context: Context): AnyMachineSnapshot => {
    let start = starts.get(phase);
    if (start === undefined) {
      start = machine.resolveState({ value: phase, context });
      starts.set(phase, start);
    }
    return { ...start, context } as AnyMachineSnapshot;
  };

  return (phase, context, message) => {
    emitted = [];
    const next = machine.transition(
      startIn(phase, context),
      { type: message.messageType, message },
      scope,
    ) as AnyMachineSnapshot;
    // A guard that throws is caught by XState and kept in the snapshot.
    if (next.status === 'error') throw next.error;
    return { events: emitted, phase: next.value as string };
  };
}

function refuse(): never {
  throw new Error('an actor machine may only guard, assign and emit');
}
