/**
 * Many WebSockets that follow a feed, in a process of their own, as Node's own clients. Every third goes
 * away in the middle and comes back with the last position that it heard.
 *
 *     node feed-crowd.ts URL CLIENTS MESSAGES
 *     stdout: {"ready":n}, then {"lists":{"1,2,3":n}}: what they heard, and how many heard just that
 */
import type { FeedMessage } from '#projections';
import { until } from './until.ts';

const [, , url = '', clients = '1', messages = '1'] = process.argv;
const expected = Number(messages);

class Client {
  readonly positions: number[] = [];
  readonly done = Promise.withResolvers<void>();
  #leavesAt: number;
  #position = 0;

  constructor(leavesAt: number) {
    this.#leavesAt = leavesAt;
  }

  /** Resolves when it hears; tries again where the node has no place for it yet. */
  async follow(): Promise<void> {
    await until('it follows', () => this.#attempt(), 60_000);
  }

  #attempt(): Promise<boolean> {
    const opened = Promise.withResolvers<boolean>();
    const socket = new WebSocket(`${url.replace('http', 'ws')}/feed?after=${this.#position}`);
    let isOpen = false;
    socket.onmessage = ({ data }) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      isOpen = true;
      opened.resolve(true);
      this.#hear(JSON.parse(data), socket);
    };
    socket.onclose = ({ code }) => {
      opened.resolve(false);
      // Its own goodbye apart.
      if (isOpen && code !== 1005) this.done.reject(new Error(`closed with ${code}`));
    };
    return opened.promise;
  }

  #hear(message: FeedMessage, socket: WebSocket): void {
    if ('position' in message) this.#position = message.position;
    if (!('change' in message)) return;
    this.positions.push(message.position);
    if (this.positions.length === this.#leavesAt) {
      this.#leavesAt = -1;
      socket.close();
      void this.follow();
    }
    if (this.positions.length === expected) this.done.resolve();
  }
}

const crowd = Array.from({ length: Number(clients) }, (_, n) => {
  return new Client(n % 3 === 0 ? Math.floor(expected / 2) : -1);
});
const atOnce = 50;
for (let at = 0; at < crowd.length; at += atOnce) {
  await Promise.all(crowd.slice(at, at + atOnce).map((client) => client.follow()));
}
console.log(JSON.stringify({ ready: crowd.length }));
await Promise.all(crowd.map(({ done }) => done.promise));
const lists: Record<string, number> = {};
for (const { positions } of crowd) {
  const list = positions.join();
  lists[list] = (lists[list] ?? 0) + 1;
}
console.log(JSON.stringify({ lists }));
process.exit(0);
