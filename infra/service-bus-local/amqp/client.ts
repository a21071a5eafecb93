/**
 * A client's connection: it authorises itself, and attaches links.
 *
 *     $cbs               tokens                          request and reply
 *     ‹any›/$management  what has no link of its own     request and reply
 *     ‹queue or topic›   ◀── sends (inlet)
 *     ‹queue›            ──▶ receives (outlet)
 *
 * When it goes, in whatever way, all of that goes with it, and nothing else.
 */
import type {
  Connection,
  Delivery,
  EventContext,
  Receiver as ReceivingLink,
  Sender,
  Session,
} from 'rhea';
import { conditions, entityNotFound, Refusal } from '../core/refusal.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Address } from '../exchange/namespace.ts';
import { type Attached, attachReceiver, refuse } from './attaching.ts';
import { answerToken } from './cbs.ts';
import { inletOf } from './inlet.ts';
import { Management } from './management.ts';
import type { Outlet } from './outlet.ts';
import { type Answer, type Request, requestIn, sendAnswer } from './request.ts';
import { errorOf, inside, onTransfer } from './rhea.ts';
import { type Taking, Transfers } from './transfers.ts';

const cbs = '$cbs';

export class Client {
  readonly #exchange: Exchange;
  /** What watches the links on which the client sends. */
  readonly #transfers = new WeakMap<object, Transfers>();
  readonly #attached = new Map<Sender, Attached>();
  /** Links on which answers go out, by the names that requests call them. */
  readonly #replies = new Map<string, Sender>();
  /** How many links each AMQP session has. */
  readonly #channels = new Map<Session, number>();
  readonly #management: Management;
  #isAuthorised = false;

  constructor(exchange: Exchange, connection: Connection) {
    this.#exchange = exchange;
    this.#management = new Management(exchange, () => this.#outlets);
    connection.on('session_open', ({ session }: EventContext) => this.#openChannel(session!));
    connection.on('session_close', ({ session }: EventContext) => this.#closeChannel(session!));
    connection.on('sender_open', ({ sender }: EventContext) => this.#openOutward(sender!));
    connection.on('receiver_open', ({ receiver }: EventContext) => this.#openInward(receiver!));
    connection.on('sender_close', ({ sender }: EventContext) => this.#closeOutward(sender!));
    connection.on('receiver_close', ({ receiver }: EventContext) => this.#count(receiver!, -1));
  }

  /** The client has read what waited for it. */
  resume(): void {
    for (const outlet of this.#outlets) outlet.resume();
  }

  /** The connection is gone. */
  close(): void {
    for (const { close } of this.#attached.values()) close();
    this.#attached.clear();
    this.#replies.clear();
  }

  get #outlets(): readonly Outlet[] {
    return [...this.#attached.values()].map(({ outlet }) => outlet);
  }

  #openChannel(session: Session): void {
    this.#channels.set(session, 0);
    if (this.#channels.size > this.#exchange.bounds.channelsMax) {
      const text = 'This connection has too many AMQP sessions.';
      session.close(errorOf(new Refusal(conditions.full, text)));
      return;
    }
    onTransfer(session, (frame, link) => this.#transfers.get(link)?.look(frame));
  }

  #closeChannel(session: Session): void {
    for (const sender of this.#attached.keys()) {
      if (sender.session === session) this.#closeOutward(sender);
    }
    this.#channels.delete(session);
  }

  /** The client receives. */
  #openOutward(sender: Sender): void {
    this.#count(sender, 1);
    const address = addressOf(sender.source);
    sender.set_target({ address: addressOf(sender.target) });
    const found = address === cbs ? cbs : this.#admitted(sender, address);
    if (found === null) return;
    if (found === cbs || found.isManagement) {
      sender.set_source({ address });
      this.#replies.set(sender.name, sender);
      this.#replies.set(addressOf(sender.target), sender);
    } else if (found.entity.kind === 'topic') {
      const text = `'${address}' is a topic; receive from a subscription of it.`;
      refuse(sender, new Refusal(conditions.notAllowed, text));
    } else {
      this.#attached.set(sender, attachReceiver(this.#exchange, found.entity, sender));
    }
  }

  /** The client sends. */
  #openInward(receiver: ReceivingLink): void {
    this.#count(receiver, 1);
    const address = addressOf(receiver.target);
    receiver.set_source({ address: addressOf(receiver.source) });
    receiver.set_target({ address });
    const { bounds } = this.#exchange;
    const take = (bytesMax: number, taking: Taking) =>
      this.#transfers.set(receiver, new Transfers(receiver, bytesMax, taking));
    if (address === cbs) {
      take(
        bounds.requestBytesMax,
        this.#requests((request, answer) => {
          const token = answerToken(this.#exchange, request);
          this.#isAuthorised ||= token.status === 202;
          answer(token);
        }),
      );
      return;
    }
    const found = this.#admitted(receiver, address);
    if (found === null) return;
    if (found.isManagement) {
      take(
        bounds.requestBytesMax,
        this.#requests((request, answer) => {
          this.#management.take(found, request, answer);
        }),
      );
    } else if (found.entity.schedule === null) {
      refuse(receiver, new Refusal(conditions.notAllowed, `Nothing can be sent to '${address}'.`));
    } else {
      take(bounds.messageBytesMax, inletOf(this.#exchange, found.entity));
    }
  }

  #closeOutward(sender: Sender): void {
    this.#count(sender, -1);
    this.#attached.get(sender)?.close();
    this.#attached.delete(sender);
    for (const [name, each] of this.#replies) {
      if (each === sender) this.#replies.delete(name);
    }
  }

  #count({ session }: Sender | ReceivingLink, links: number): void {
    const before = this.#channels.get(session);
    if (before !== undefined) this.#channels.set(session, before + links);
  }

  /** What a link may attach to; null after it was refused. */
  #admitted(link: Sender | ReceivingLink, address: string): Address | null {
    const found = this.#exchange.namespace.find(address);
    const links = [...this.#channels.values()].reduce((sum, each) => sum + each, 0);
    if (links > this.#exchange.bounds.linksMax) {
      refuse(link, new Refusal(conditions.full, 'This connection has too many links.'));
    } else if (!this.#isAuthorised) {
      refuse(link, new Refusal(conditions.unauthorized, 'Put a token at $cbs first.'));
    } else if (found === undefined) {
      refuse(link, entityNotFound(address));
    } else {
      return found;
    }
    return null;
  }

  #requests(take: (request: Request, answer: (answer: Answer) => void) => void): Taking {
    return (bytes, delivery) => {
      const request = requestIn(bytes);
      take(request, (answer) => this.#answer(request, delivery, answer));
    };
  }

  #answer(request: Request, delivery: Delivery, answer: Answer): void {
    const reply = this.#replies.get(request.replyTo);
    if (reply?.sendable() && inside(reply).session.outgoing.available() > 0) {
      sendAnswer(reply, request, answer);
      delivery.accept();
    } else {
      const text = 'There is no link with credit to answer on.';
      delivery.reject(errorOf(new Refusal(conditions.full, text)));
    }
  }
}

function addressOf(terminus: { readonly address?: unknown } | null | undefined): string {
  return typeof terminus?.address === 'string' ? terminus.address : '';
}
