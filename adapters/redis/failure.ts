/**
 * What ioredis and Redis say went wrong, in the words of the catalogue.
 *
 * Everything may pass: a server restarts, loads its file, is full, hands over to a replica, has its
 * rights renewed. So all of it is REDIS_UNAVAILABLE, with Redis's own words in its message.
 */
import { RuntimeError } from '#runtime';

/** A failure of Redis or the way to it; what is of the catalogue already stays what it is. */
export function unavailable(thrown: unknown, doing: string): RuntimeError {
  if (thrown instanceof RuntimeError) return thrown;
  // A Cluster gathers the failures of its nodes behind one that says nothing.
  const last = (thrown as { lastNodeError?: unknown }).lastNodeError ?? thrown;
  const message = last instanceof Error ? last.message : String(last);
  return new RuntimeError('REDIS_UNAVAILABLE', `${doing}: ${message}`, { cause: thrown });
}
