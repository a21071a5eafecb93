/** What goes wrong with Redis, in the words that a bus has for it. */
import { RuntimeError } from '#runtime';
import { unavailable } from './failure.ts';

/** BUS_UNAVAILABLE, or BUS_SATURATED where Redis is at its `maxmemory` and takes nothing new. */
export function busFailure(thrown: unknown, doing: string): RuntimeError {
  const { message } = unavailable(thrown, doing);
  const isFull = thrown instanceof Error && /\bOOM\b/.test(thrown.message);
  return new RuntimeError(isFull ? 'BUS_SATURATED' : 'BUS_UNAVAILABLE', message, { cause: thrown });
}

/** What is said to those who settle what is not theirs any more. */
export function lostLease(shard: string): RuntimeError {
  return new RuntimeError('BUS_UNAVAILABLE', `the lease of shard ${shard} is lost`);
}
