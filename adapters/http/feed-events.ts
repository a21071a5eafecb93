/** A follower's line over Server-Sent Events: the body of an HTTP answer that does not end. */
import type { ServerResponse } from 'node:http';
import type { EndReason, FeedLine, FeedMessage } from '#projections';
import { type Clock, limits } from '#runtime';
import { Frames, serverSentEvent } from './feed-frame.ts';
import { roomIn } from './feed-room.ts';
import { retryAfterSeconds } from './problem.ts';

const frames = new Frames(serverSentEvent);

export class EventsLine implements FeedLine {
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  /** Something waited at the last beat, and nothing was taken since. */
  #isStuck = false;

  constructor(response: ServerResponse, clock: Clock, requestId: string) {
    this.#response = response;
    this.#clock = clock;
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-request-id': requestId,
    });
    response.write(`retry: ${retryAfterSeconds * 1000}\n\n`);
    response.on('drain', () => {
      this.#isStuck = false;
    });
  }

  get backlogBytes(): number {
    return this.#response.writableLength;
  }

  send(messages: readonly FeedMessage[]): void {
    if (this.#response.writable) this.#response.write(frames.of(messages));
  }

  drained(): Promise<void> {
    return roomIn(this.#response);
  }

  beat(): boolean {
    if (this.#isStuck) return false;
    this.#isStuck = this.#response.writableNeedDrain;
    return true;
  }

  end(reason: EndReason, position: number): void {
    if (reason === 'silent') {
      this.#response.destroy();
      return;
    }
    this.#response.end(`event: ${reason}\ndata: ${JSON.stringify({ after: position })}\n\n`);
    void this.#cutLater();
  }

  /** What was said last is given its time to arrive. */
  async #cutLater(): Promise<void> {
    const closed = new AbortController();
    this.#response.once('close', () => closed.abort());
    try {
      await this.#clock.sleep(limits.feedFarewellMs, closed.signal);
      this.#response.destroy();
    } catch {
      // It closed by itself.
    }
  }
}
