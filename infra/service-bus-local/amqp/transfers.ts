/**
 * What comes in on a link, message by message and undecoded: rhea collects the frames, this watches
 * that they don't become too many, and that what was aborted is not taken for a message.
 */
import type { Delivery, EventContext, Receiver as ReceivingLink } from 'rhea';
import { conditions, Refusal } from '../core/refusal.ts';
import { errorOf, inside, type TransferFrame } from './rhea.ts';

const standardFormat = 0;
const nothing = Buffer.alloc(0);

/** Must settle the delivery, now or later; may throw a Refusal, which rejects it. */
export type Taking = (bytes: Buffer, delivery: Delivery) => void;

export class Transfers {
  readonly #bytesMax: number;
  readonly #take: Taking;
  /** Of the transfer that is coming in. */
  #bytes = 0;
  #isAborted = false;

  constructor(receiver: ReceivingLink, bytesMax: number, take: Taking) {
    this.#bytesMax = bytesMax;
    this.#take = take;
    inside(receiver).local.attach.max_message_size = bytesMax;
    receiver.on('message', (context: EventContext) => this.#end(context));
  }

  /** Sees each frame before rhea does. */
  look(frame: TransferFrame): void {
    const { performative } = frame;
    if (performative.message_format === standardFormat) performative.message_format = null;
    if (performative.aborted === true) this.#isAborted = true;
    this.#bytes += frame.payload?.length ?? 0;
    if (this.#bytes > this.#bytesMax || frame.payload === undefined) frame.payload = nothing;
  }

  #end({ message, delivery }: EventContext): void {
    const bytes = this.#bytes;
    const isAborted = this.#isAborted;
    this.#bytes = 0;
    this.#isAborted = false;
    if (delivery === undefined) return;
    if (isAborted) {
      delivery.update(true);
      return;
    }
    try {
      if (bytes > this.#bytesMax) throw tooLarge(bytes, this.#bytesMax);
      // Undecoded, as `look` asked for.
      this.#take(message as unknown as Buffer, delivery);
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      delivery.reject(errorOf(thrown));
    }
  }
}

function tooLarge(bytes: number, bytesMax: number): Refusal {
  const text = `The received message (size:${bytes} bytes) exceeds the limit (${bytesMax} bytes) currently allowed on the link.`;
  return new Refusal(conditions.tooLarge, text);
}
