/**
 * What we use of rhea, the AMQP library that the client itself stands on: the parts that its own types
 * leave out, and the four places where a broker needs to reach behind them.
 *
 * R1 `holdAttach`: rhea answers an attach at once; a client that waits for the next free session must
 * be answered when there is one. R2 `onTransfer`: rhea decodes every message of the standard format
 * whole (10 µs) and drops its bytes; we want the bytes and read two properties of them (2 µs). It also
 * collects the frames of a message without a bound, and takes an aborted one for complete. R3
 * `answerDrain`: rhea says nothing to a drain when the credit is used up already, and the client waits.
 * R4 `settle`: after the sender has settled nothing comes back, but rhea keeps the delivery until
 * something does, and its window closes.
 */
import rhea, { type Connection, type Delivery, type Sender } from 'rhea';
import type { Refusal } from '../core/refusal.ts';

/** Takes a socket as a client's connection. */
export function accept(id: string, socket: object, options: object): Connection {
  // A server's connection differs from a client's only in that it does not connect.
  const connection = rhea.create_container({ id }).create_connection(options as never);
  (connection as unknown as { accept(socket: object): void }).accept(socket);
  return connection;
}

interface Outcomes {
  accepted(): { described(): unknown };
  rejected(fields: object): { described(): unknown };
}
const outcomes = rhea.message as unknown as Outcomes;

/** R4: answers what a client said of a delivery: done, or why not. */
export function settle(delivery: Delivery, refusal: Refusal | null): void {
  if (refusal === null) delivery.update(true, outcomes.accepted().described());
  else delivery.update(true, outcomes.rejected({ error: errorOf(refusal) }).described());
  (delivery as { remote_settled: boolean }).remote_settled = true;
}

/** A Refusal as an AMQP error. */
export function errorOf({ condition, message }: Refusal) {
  return { condition, description: message };
}

/** Stops a connection's timers, when its socket is gone without a word. */
export function forget(connection: Connection): void {
  (connection as unknown as { _disconnected(): void })._disconnected();
}

/** What a client says of a delivery it got. */
export interface Outcome {
  readonly error?: { readonly info?: Readonly<Record<string, unknown>> };
  readonly undeliverable_here?: boolean;
  readonly message_annotations?: Readonly<Record<string, unknown>>;
}

export function outcomeOf(delivery: Delivery): Outcome {
  return (delivery.remote_state ?? {}) as Outcome;
}

interface EndpointInside {
  local_open: boolean;
  need_open(): boolean;
}

export interface LinkInside {
  readonly name: string;
  readonly local: {
    readonly attach: {
      snd_settle_mode?: number;
      rcv_settle_mode?: number;
      max_message_size?: number;
      properties?: object;
    };
  };
  readonly state: EndpointInside;
  readonly session: SessionInside;
  credit: number;
  delivery_count: number;
  issue_flow: boolean;
  _draining: boolean;
  _get_drain(): boolean;
}

interface Transfer {
  message_format: number | null | undefined;
  more: boolean | undefined;
  aborted: boolean | undefined;
  readonly handle: number;
}

export interface TransferFrame {
  readonly performative: Transfer;
  payload?: Buffer;
}

interface SessionInside {
  readonly outgoing: { available(): number };
  readonly remote: { readonly handles: Record<number, object | undefined> };
  on_transfer(frame: TransferFrame): void;
}

export function inside(link: object): LinkInside {
  return link as LinkInside;
}

/** R1: keeps the answer to an attach back; `link.open()` sends it. */
export function holdAttach(link: object): void {
  const { state } = inside(link);
  state.need_open();
  state.local_open = false;
}

/**
 * R2: shows each transfer frame, with the link it is for, before rhea sees it. Whoever wants the
 * message undecoded sets `message_format` to null.
 */
export function onTransfer(
  session: object,
  look: (frame: TransferFrame, link: object) => void,
): void {
  const within = session as SessionInside;
  const passOn = within.on_transfer.bind(session);
  within.on_transfer = (frame) => {
    const link = within.remote.handles[frame.performative.handle];
    if (link !== undefined) look(frame, link);
    passOn(frame);
  };
}

/** Deliveries that may be handed to rhea on this link's session before its window is full. */
export function roomInWindow(link: object): number {
  return inside(link).session.outgoing.available();
}

/** Bytes that wait in the link's connection until the client reads. */
export function unsentBytes({ connection }: Sender): number {
  return (connection as unknown as { socket: { writableLength: number } }).socket.writableLength;
}

/** R3: uses up the client's credit and tells it so, after what has been sent before. */
export function answerDrain(sender: Sender): void {
  const link = inside(sender);
  link._get_drain = () => {
    if (!link._draining) return false;
    link._draining = false;
    link.delivery_count += link.credit;
    link.credit = 0;
    return true;
  };
  link.issue_flow = true;
  (sender.connection as unknown as { _register(): void })._register();
}
