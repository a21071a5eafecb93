/** The machine's own time. */
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '#runtime';

export const systemClock: Clock = {
  now: () => Date.now(),

  async sleep(ms, signal) {
    try {
      await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
    } catch (thrown) {
      // Node throws an AbortError of its own; the port promises the signal's reason.
      throw signal?.aborted ? signal.reason : thrown;
    }
  },
};
