/**
 * The moment in which readers change from one generation to the next.
 *
 * A reader holds the views that it has asked until its transaction ends, and the swap must have them all
 * for itself. Were it to wait for them, it and a reader that holds one and wants another would wait for
 * each other, and PostgreSQL would fail one of the two. So it waits limits.swapLockMs at most, gives
 * back what it has, and tries again: readers wait that long at most, and none fails.
 */
import { limits, type Queryable, type ReadStore, RuntimeError } from '#runtime';

/** PostgreSQL's lock_not_available. */
const lockTimeout = '55P03';

/** Runs `work` in a transaction, again where readers held it up. Throws READ_STORE_UNAVAILABLE. */
export async function swapped(
  store: ReadStore,
  work: (tx: Queryable) => Promise<void>,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await store.transaction(
        async (tx) => {
          await tx.query(`SET LOCAL lock_timeout = ${limits.swapLockMs}`);
          await work(tx);
        },
        { isPatient: true },
      );
      return;
    } catch (thrown) {
      const isHeldUp = thrown instanceof RuntimeError && thrown.data.code === lockTimeout;
      if (!isHeldUp || tries >= limits.swapTriesMax) throw thrown;
    }
  }
}
