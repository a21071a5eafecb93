/**
 * Messages of the feed as bytes, each made once for all who get it.
 *
 * What a server sends over a WebSocket is not masked, so a frame is the same for every client; a thousand
 * followers of one change share its bytes, and a round of changes costs each of them one write.
 *
 *     WebSocket (RFC 6455, 5.2): 0x81 (final, text), length in 1, 3 or 9 bytes, JSON in UTF-8
 *     Server-Sent Events: `id: POSITION` where it has one, `data: JSON`, an empty line
 */
import type { FeedMessage } from '#projections';

type Encoding = (message: FeedMessage) => Buffer;

/** Bytes of a list of messages, kept as long as the list and its messages are. */
export class Frames {
  readonly #encode: Encoding;
  readonly #ofMessage = new WeakMap<FeedMessage, Buffer>();
  readonly #ofList = new WeakMap<readonly FeedMessage[], Buffer>();

  constructor(encode: Encoding) {
    this.#encode = encode;
  }

  of(messages: readonly FeedMessage[]): Buffer {
    const known = this.#ofList.get(messages);
    if (known !== undefined) return known;
    const bytes = Buffer.concat(messages.map((message) => this.#one(message)));
    this.#ofList.set(messages, bytes);
    return bytes;
  }

  #one(message: FeedMessage): Buffer {
    const bytes = this.#ofMessage.get(message) ?? this.#encode(message);
    this.#ofMessage.set(message, bytes);
    return bytes;
  }
}

export function webSocketFrame(message: FeedMessage): Buffer {
  const text = Buffer.from(JSON.stringify(message));
  return Buffer.concat([headerOf(text.length), text]);
}

function headerOf(length: number): Buffer {
  if (length < 126) return Buffer.from([0x81, length]);
  if (length < 65_536) {
    const header = Buffer.from([0x81, 126, 0, 0]);
    header.writeUInt16BE(length, 2);
    return header;
  }
  const header = Buffer.alloc(10);
  header.writeUInt16BE(0x817f);
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}

export function serverSentEvent(message: FeedMessage): Buffer {
  const id = 'position' in message ? `id: ${message.position}\n` : '';
  return Buffer.from(`${id}data: ${JSON.stringify(message)}\n\n`);
}
