/**
 * From what somebody asks of to a position: the place in the log after which nothing counts.
 *
 * Time is what the recording nodes' clocks said. With one node, or clocks that agree, the answer to a
 * time is exact: everything recorded by then, and nothing else. Where a later event can carry a time up
 * to `s` earlier than one before it, everything recorded up to `s` before the time asked of is in and
 * everything recorded more than `s` after it is out; what lies within is cut at one place of the log,
 * never picked apart. The cut is always one where the log passes the time: the event at it was recorded
 * by then and the next one after. The places that are looked at do not depend on where the log ends, so
 * the same time leads to the same place however the log has grown, as long as what was added since was
 * recorded after it.
 */
import { type Clock, type Log, RuntimeError, streamOf } from '#runtime';
import type { AsOf } from './as-of.ts';

/** The place that an answer is as of, and how it was asked for. */
export interface Moment {
  readonly position: number;
  readonly revision?: number;
  /** ISO 8601, UTC. */
  readonly time?: string;
}

export interface Whose {
  readonly tenantId: string;
  readonly id: string;
}

interface Surroundings {
  readonly log: Log;
  readonly clock: Clock;
}

/**
 * The moment in an entity's life. Throws REQUEST_INVALID for a position above the head, a time to come
 * or a revision that the entity does not have, NOT_FOUND for a revision of what never was.
 */
export async function momentOf(
  { log, clock }: Surroundings,
  entity: Whose,
  asOf: AsOf,
): Promise<Moment> {
  switch (asOf.kind) {
    case 'revision':
      return {
        position: await positionOfRevision(log, entity, asOf.revision),
        revision: asOf.revision,
      };
    case 'position': {
      const { position } = asOf;
      const head = await log.head();
      if (position <= head) return { position };
      throw invalid(`position ${position} is not there yet: the log ends at ${head}`, { head });
    }
    case 'time': {
      const time = new Date(asOf.timeMs).toISOString();
      if (asOf.timeMs > clock.now()) throw invalid(`${time} is still to come`, { time });
      return { position: await positionAt(log, asOf.timeMs), time };
    }
  }
}

async function positionOfRevision(log: Log, entity: Whose, revision: number): Promise<number> {
  const stream = streamOf({ ...entity, kind: 'entity' });
  const [event] = await log.readStream(stream, { from: revision, limit: 1 });
  if (event !== undefined) return event.position;
  const [last] = await log.readStream(stream, { direction: 'backward', limit: 1 });
  if (last === undefined) throw neverWas(entity.id);
  const message = `'${entity.id}' has no revision ${revision}; its last is ${last.revision}`;
  throw invalid(message, { revision: last.revision });
}

/**
 * The last position that was recorded by a time, 0 where nothing was; see above for clocks that disagree.
 * Reads as many single events as the head has binary digits: 20 of a million.
 */
export async function positionAt(log: Log, timeMs: number): Promise<number> {
  const head = await log.head();
  let found = 0;
  let stride = 1;
  while (stride * 2 <= head) stride *= 2;
  for (; stride >= 1; stride /= 2) {
    const [event] = await log.readAll({ after: found + stride - 1, limit: 1 });
    if (event === undefined || event.position > head) continue;
    if (Date.parse(event.metadata.recordedAt) <= timeMs) found += stride;
  }
  return found;
}

export function neverWas(id: string): RuntimeError {
  return new RuntimeError('NOT_FOUND', `there never was an entity '${id}'`, { data: { id } });
}

function invalid(message: string, data: Record<string, unknown>): RuntimeError {
  return new RuntimeError('REQUEST_INVALID', `asOf: ${message}`, { data });
}
