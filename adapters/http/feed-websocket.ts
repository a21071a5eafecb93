/**
 * A follower's line over a WebSocket.
 *
 * Frames are written to the socket itself, whole and in order with those that `ws` writes (pings and the
 * close), which it can be as long as nothing is compressed or fragmented.
 */
import type { Socket } from 'node:net';
import type { EndReason, FeedLine, FeedMessage } from '#projections';
import { Frames, webSocketFrame } from './feed-frame.ts';
import { roomIn } from './feed-room.ts';

/** What is used of a WebSocket of `ws`. */
export interface WebSocket {
  readonly bufferedAmount: number;
  on(event: 'pong' | 'message' | 'close', listener: () => void): void;
  ping(): void;
  close(code: number, reason?: string): void;
  terminate(): void;
}

/** RFC 6455 has 1008, 1012 and 1013; 4000 to 4999 are an application's own. */
const closeCodes: Readonly<Record<EndReason, number>> = {
  lagging: 4008,
  overgrown: 4009,
  draining: 1012,
  failed: 1013,
  silent: 4010,
};
const policyViolation = 1008;

const frames = new Frames(webSocketFrame);

export class WebSocketLine implements FeedLine {
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  #isAnswered = true;

  constructor(webSocket: WebSocket, socket: Socket) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    webSocket.on('pong', () => {
      this.#isAnswered = true;
    });
    webSocket.on('message', () => webSocket.close(policyViolation, 'the feed takes no messages'));
  }

  get backlogBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  send(messages: readonly FeedMessage[]): void {
    if (this.#socket.writable) this.#socket.write(frames.of(messages));
  }

  drained(): Promise<void> {
    return roomIn(this.#socket);
  }

  beat(): boolean {
    if (!this.#isAnswered) return false;
    this.#isAnswered = false;
    this.#webSocket.ping();
    return true;
  }

  end(reason: EndReason, position: number): void {
    if (reason === 'silent') this.#webSocket.terminate();
    else {
      this.#webSocket.close(closeCodes[reason], JSON.stringify({ reason, after: position }));
    }
  }
}
