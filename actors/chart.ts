/**
 * How a state chart speaks: guards and emits written as plain functions of state and message.
 */
import { type EventObject, emit, type MachineContext } from 'xstate';

/** A message as XState sees it. */
export type Sent<Message> = Message extends { readonly messageType: infer Type }
  ? { readonly type: Type & string; readonly message: Message }
  : never;

/** The vocabulary of one actor's chart. */
export function vocabulary<
  State extends MachineContext,
  AnyMessage extends { readonly messageType: string },
  Event extends EventObject,
>() {
  return {
    /** An action: emits what the decision says happened. */
    says: <Message extends AnyMessage>(decision: (state: State, message: Message) => Event) =>
      emit<State, Sent<Message>, undefined, Sent<AnyMessage>, Event>(({ context, event }) =>
        decision(context, event.message as Message),
      ),
    /** A guard: all of these hold. */
    when:
      <Message extends AnyMessage>(
        ...all: readonly ((state: State, message: Message) => boolean)[]
      ) =>
      ({ context, event }: { context: State; event: Sent<Message> }) =>
        all.every((holds) => holds(context, event.message as Message)),
  };
}
