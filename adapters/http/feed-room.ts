/** Waits until a stream takes more. */
import type { Writable } from 'node:stream';
import type { Clock } from '#runtime';

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

/** Whether the stream has room, or is closed, within so many milliseconds. */
export async function hasRoomWithin(stream: Taking, ms: number, clock: Clock): Promise<boolean> {
  if (!stream.writableNeedDrain) return true;
  const patience = new AbortController();
  try {
    return await Promise.race([
      roomIn(stream).then(() => true),
      clock.sleep(ms, patience.signal).then(() => false),
    ]);
  } finally {
    patience.abort();
  }
}
