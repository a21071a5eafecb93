/** Time limits around what the client promises; some of it would never settle by itself. */
import { RuntimeError } from '#runtime';
import { failureOf } from './failure.ts';

/**
 * The result of `work`, or LOG_UNAVAILABLE when it takes longer; what it comes to later is dropped.
 * Other failures come as errors of the catalogue.
 */
export async function within<T>(ms: number, work: Promise<T>, doing: string): Promise<T> {
  if (!(await isSettledWithin(ms, work))) {
    throw new RuntimeError('LOG_UNAVAILABLE', `${doing}: no answer within ${ms} ms`);
  }
  try {
    return await work;
  } catch (thrown) {
    throw failureOf(thrown, doing);
  }
}

/** Whether `work` has come to an end, well or not, before the time is over. Never rejects. */
export async function isSettledWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(resolve, ms, false);
  const settled = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}
