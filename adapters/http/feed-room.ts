/** Waits until a stream takes more. */
import type { Writable } from 'node:stream';

/** What is used of a stream; an HTTP response has it, too. */
type Taking = Pick<Writable, 'writableNeedDrain' | 'destroyed' | 'once' | 'off'>;

/** Resolves when the stream has room, or is closed. */
export function roomIn(stream: Taking): Promise<void> {
  if (!stream.writableNeedDrain || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.once('drain', done).once('close', done);
  });
}
