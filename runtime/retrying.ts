/** Repeats what failed for a passing reason, with backoff and jitter, a bounded number of times. */
import { backoffMs } from './core/retry.ts';
import { type RuntimeError, toRuntimeError } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Clock } from './ports/clock.ts';
import type { Ids } from './ports/ids.ts';

export interface Retrying {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
}

/**
 * The result of `work`, tried again up to limits.transientRetriesMax times while it throws an error of
 * the `retry` kind. Throws its last error, or a terminal one at once. `onRetry` is told of each repeat.
 */
export async function retrying<T>(
  { clock, ids, limits }: Retrying,
  work: () => Promise<T>,
  onRetry: (error: RuntimeError, attempt: number) => void,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      if (!error.retryable || attempt > limits.transientRetriesMax) throw error;
      onRetry(error, attempt);
      await clock.sleep(
        backoffMs(attempt, { baseMs: limits.retryBaseMs, capMs: limits.retryCapMs }, ids.chance()),
      );
    }
  }
}
