/**
 * What the client and the broker say went wrong, in the words of the catalogue.
 *
 * Once a bus is open everything that the broker refuses may pass: rights are renewed, entities come back
 * after a restart, quotas empty. So it is BUS_UNAVAILABLE, with the broker's own code in its message;
 * BUS_REFUSED is for a bus that is opened with names or rights that can't be right.
 */
import { isServiceBusError } from '@azure/service-bus';
import { RuntimeError } from '#runtime';

/** The broker's own code, such as `SessionLockLost`; null for what is not the broker's. */
export function brokerCodeOf(thrown: unknown): string | null {
  return isServiceBusError(thrown) ? thrown.code : null;
}

/** A failure of the broker or the way to it; what is of the catalogue already stays what it is. */
export function unavailable(thrown: unknown, doing: string): RuntimeError {
  if (thrown instanceof RuntimeError) return thrown;
  if (brokerCodeOf(thrown) === 'MessageSizeExceeded') {
    return new RuntimeError('MESSAGE_TOO_LARGE', told(thrown, doing), { cause: thrown });
  }
  return new RuntimeError('BUS_UNAVAILABLE', told(thrown, doing), { cause: thrown });
}

/** What was being done, and what the broker said to it. */
export function told(thrown: unknown, doing: string): string {
  // The client gathers its attempts, or the addresses that it tried; the first is as good as any.
  const first = thrown instanceof AggregateError ? thrown.errors[0] : thrown;
  const code = brokerCodeOf(first);
  const message = first instanceof Error ? first.message : String(first);
  return code === null ? `${doing}: ${message}` : `${doing}: ${code}: ${message}`;
}

/** No session has messages and is free: the usual answer to a request for one. */
export function isNoSession(thrown: unknown): boolean {
  const code = brokerCodeOf(thrown);
  return code === 'ServiceTimeout' || code === 'SessionCannotBeLocked';
}
