/**
 * Broadcast: what happens now, told to whoever listens now, on every node.
 *
 * Nothing is stored. A message reaches each listener of its channel at most once, in its publisher's
 * order, or not at all: the truth is the log, and a listener that may have missed something is told so
 * and reads on from there. One conformance suite (`test/contracts/broadcast.ts`) holds every adapter to
 * what is written here.
 */

/** One topic of one tenant; tenants never meet in a channel. */
export interface Channel {
  readonly tenantId: string;
  /** Such as `notifications`: `[A-Za-z0-9_.:-]`, 1 to 128. */
  readonly topic: string;
}

export interface Listener {
  /** Called for each message, in order for each publisher. Must be quick and must not throw. */
  message(text: string): void;
  /**
   * From here on it hears; before, messages may have passed it by. Called once when listening begins,
   * perhaps before `subscribe` returns, and again each time that something may have been missed: the
   * connection came back, or a publisher had to drop messages (of any channel). So the listener does
   * one thing in one place: read the log from where it stands.
   */
  missed(): void;
}

/** `dropped`: some of them may have reached nobody, and the listeners are told that they missed some. */
export type Published = 'sent' | 'dropped';

export interface Broadcast {
  /**
   * Tells messages to the listeners of a channel. Never waits for an outage to end and never rejects for
   * one: it drops what it can't send now, or what is too much (limits.broadcastWaitingMax, and
   * limits.broadcastCharsMax a message). Resolves when all are sent or dropped; whoever has a checkpoint
   * may publish again after `dropped` (listeners then hear some of them twice). Listeners on this node
   * hear it, too. Throws INVARIANT_BROKEN for a channel that is none.
   */
  publish(channel: Channel, messages: readonly string[]): Promise<Published>;
  /**
   * Listens until the function that it answers is called; after that nothing is called any more. Throws
   * INVARIANT_BROKEN for a channel that is none, BUS_SATURATED above limits.broadcastListenersMax.
   */
  subscribe(channel: Channel, listener: Listener): () => void;
  /** Ends all subscriptions and hangs up. */
  close(): Promise<void>;
}
