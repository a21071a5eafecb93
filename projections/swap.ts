/**
 * The moment in which readers change from one generation to the next, of one projection or of several.
 *
 * A reader holds the views that it has asked until its transaction ends, and the swap must have them all
 * for itself. Were it to wait for them, it and a reader that holds one and wants another would wait for
 * each other, and PostgreSQL would fail one of the two. So it waits limits.swapLockMs at most, gives
 * back what it has, and tries again: readers wait that long at most, and none fails.
 */
import { limits, type Promotion, type Queryable, type ReadStore, RuntimeError } from '#runtime';

/** PostgreSQL's lock_not_available. */
const lockTimeout = '55P03';

/** The way of one generation to its readers. */
export interface PromotionSteps {
  /** Writes what is left to write. */
  ready(): Promise<void>;
  /** Makes it live; rolled back and called again where readers hold it up. */
  swap(tx: Queryable): Promise<void>;
  /** Clears up when it is live. */
  settle(): Promise<void>;
}

/** A generation that can become live together with others of the same store. */
export class StoredPromotion implements Promotion {
  readonly name: string;
  readonly store: ReadStore;
  readonly steps: PromotionSteps;

  constructor(name: string, store: ReadStore, steps: PromotionSteps) {
    this.name = name;
    this.store = store;
    this.steps = steps;
  }
}

/** Makes all of them live in one transaction. Throws READ_STORE_UNAVAILABLE, or REQUEST_INVALID. */
export async function promoteTogether(
  first: StoredPromotion,
  beside: readonly Promotion[],
): Promise<void> {
  const others = beside.map((other) => {
    if (other instanceof StoredPromotion && other.store === first.store) return other;
    const why = `the rows of ${first.name} and ${other.name} are not in one store`;
    throw new RuntimeError('REQUEST_INVALID', `${why}: they can't change in one transaction`);
  });
  // In one order everywhere, as each locks rows and views.
  const all = [first, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { steps } of all) await steps.ready();
  await swapped(first.store, async (tx) => {
    for (const { steps } of all) await steps.swap(tx);
  });
  for (const { steps } of all) await steps.settle();
}

/** Runs `work` in a transaction, again where readers held it up. Throws READ_STORE_UNAVAILABLE. */
async function swapped(store: ReadStore, work: (tx: Queryable) => Promise<void>): Promise<void> {
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
