/**
 * Whether a position can be read from. The native reader says of every failure that the server is
 * unavailable, so after one this asks over a subscription, whose errors carry their reason.
 */
import type { KurrentDBClient } from '@kurrent/kurrentdb-client';
import { isSettledWithin } from './within.ts';

const invalidArgument = 3;

/** Whether the server says that no event stands at `position`; false where it says nothing clear. */
export async function isNoPlace(
  client: KurrentDBClient,
  position: number,
  patienceMs: number,
): Promise<boolean> {
  const place = BigInt(position);
  const subscription = client.subscribeToAll({ fromPosition: { commit: place, prepare: place } });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  subscription
    .on('error', (error: Error) => resolve('code' in error && error.code === invalidArgument))
    .on('caughtUp', () => resolve(false))
    .on('data', () => resolve(false));
  try {
    return (await isSettledWithin(patienceMs, promise)) && (await promise);
  } finally {
    // One that never began can't be ended; it has said so already.
    subscription.unsubscribe().catch(() => undefined);
  }
}
