/**
 * What can be asked of the past: an entity, its neighbours and its neighbourhood as the graph showed
 * them at a moment, in the graph's own order and within its bounds.
 *
 *     moment.ts ─▶ a position ─▶ steps.ts   who was there, and linked    (rows of the history)
 *                                    ╰─▶ past.ts   how they looked then   (their streams)
 *
 * H1: an answer is exact or an error. Rows of the history are read only once they hold everything up to
 * the position; a projection that lags is waited for, up to limits.historyWaitMs. H2: rows up to a
 * position never change, and neither do streams, so that an answer given twice is the same twice.
 */
import type { Clock, Log, Queryable, ReadStore } from '#runtime';
import { limits, RuntimeError } from '#runtime';
import { liveGenerationOf } from '../bookkeeping.ts';
import { cursorOf } from '../cursor.ts';
import {
  assertLimit,
  assertText,
  type Entity,
  inSnapshot,
  type Page,
  pageOf,
} from '../graph/answer.ts';
import { assertDepth, type Neighbourhood, walk } from '../graph/neighbourhood.ts';
import type { Neighbour, NeighboursRequest } from '../graph/neighbours.ts';
import type { AsOf } from './as-of.ts';
import { type Moment, momentOf, neverWas, type Whose } from './moment.ts';
import { type Life, Past } from './past.ts';
import { historyProjection } from './projection.ts';
import { linksAmong, neighboursAt, stepsAt, wasPresent } from './steps.ts';

/** An answer, and the moment that it is as of. */
export type AsOfMoment<Answer> = Answer & { readonly asOf: Moment };

interface Surroundings {
  readonly log: Log;
  readonly store: ReadStore;
  readonly clock: Clock;
}

/** Between two looks at a projection that lags; it applies a batch in less. */
const pollMs = 20;

/**
 * All throw REQUEST_INVALID for a moment that is none (see `momentOf`), NOT_FOUND for an entity that was
 * not there then, with the stretches of its life around the moment, QUERY_TOO_LARGE above
 * limits.historyEventsMax, and READ_STORE_UNAVAILABLE or LOG_UNAVAILABLE (retry).
 */
export class GraphHistory {
  readonly #around: Surroundings;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** From the log alone. */
  async entity(tenantId: string, id: string, asOf: AsOf): Promise<AsOfMoment<Entity>> {
    const { moment, past } = await this.#past({ tenantId, id }, asOf);
    const entity = await past.entity(id);
    if (entity === null) throw await notThere(past, id, moment);
    return { ...entity, asOf: moment };
  }

  /** Pages follow each other without a gap as long as they are asked for as of one moment. */
  async neighbours(
    tenantId: string,
    id: string,
    asOf: AsOf,
    request: NeighboursRequest,
  ): Promise<AsOfMoment<Page<Neighbour>>> {
    assertLimit(request.limit);
    const { moment, past } = await this.#past({ tenantId, id }, asOf);
    const place = { tenantId, position: moment.position };
    const keys = await this.#at(moment, async (tx) =>
      (await wasPresent(tx, place, id)) ? neighboursAt(tx, place, id, request) : null,
    );
    if (keys === null) throw await notThere(past, id, moment);
    const { items: shown, next } = pageOf(
      keys,
      request.limit,
      (key) => key,
      ({ direction, type, since }) => cursorOf([direction, type, since]),
    );
    const items = await past.each(shown, async ({ direction, linkId, farId }) => ({
      direction,
      relationship: there(await past.relationship(linkId), linkId),
      entity: there(await past.entity(farId), farId),
    }));
    return { items, next, asOf: moment };
  }

  async neighbourhood(
    tenantId: string,
    id: string,
    asOf: AsOf,
    depth: number,
  ): Promise<AsOfMoment<Neighbourhood>> {
    assertDepth(depth);
    const { moment, past } = await this.#past({ tenantId, id }, asOf);
    const place = { tenantId, position: moment.position };
    const edgesMax = limits.neighbourhoodEdgesMax;
    const found = await this.#at(moment, async (tx) => {
      if (!(await wasPresent(tx, place, id))) return null;
      const walked = await walk(id, depth, (from, options) => stepsAt(tx, place, from, options));
      const links = await linksAmong(tx, place, [...walked.distances.keys()], edgesMax + 1);
      return { ...walked, links };
    });
    if (found === null) throw await notThere(past, id, moment);
    const { distances, leftOut, links } = found;
    return {
      depth,
      nodes: await past.each([...distances], async ([far, distance]) => ({
        distance,
        entity: there(await past.entity(far), far),
      })),
      edges: await past.each(links.slice(0, edgesMax), async (link) =>
        there(await past.relationship(link), link),
      ),
      truncated: leftOut !== null || links.length > edgesMax,
      asOf: moment,
    };
  }

  async #past(entity: Whose, asOf: AsOf): Promise<{ moment: Moment; past: Past }> {
    assertText('id', entity.id);
    const moment = await momentOf(this.#around, entity, asOf);
    return { moment, past: new Past(this.#around, entity.tenantId, moment.position) };
  }

  /** Runs `work` on one state of the rows that holds everything up to the moment (H1). */
  async #at<T>({ position }: Moment, work: (tx: Queryable) => Promise<T>): Promise<T> {
    const { clock, store } = this.#around;
    const deadlineMs = clock.now() + limits.historyWaitMs;
    for (;;) {
      const done = await inSnapshot(
        store,
        async (tx) => ((await this.#holds(tx, position)) ? { answer: await work(tx) } : null),
        ['history.presence', 'history.link'],
      );
      if (done !== null) return done.answer;
      if (clock.now() >= deadlineMs) {
        throw new RuntimeError(
          'READ_STORE_UNAVAILABLE',
          `the projection ${historyProjection.name} has not come to position ${position} yet`,
          { data: { position } },
        );
      }
      await clock.sleep(pollMs);
    }
  }

  /** A checkpoint may rest where nothing has followed that the projection wants. */
  async #holds(tx: Queryable, position: number): Promise<boolean> {
    const { name, filter } = historyProjection;
    const live = await liveGenerationOf(tx, name);
    if (live === undefined) return false;
    if (live.position >= position) return true;
    const [next] = await this.#around.log.readAll({ after: live.position, filter, limit: 1 });
    return next === undefined || next.position > position;
  }
}

/** What the rows say was there, the streams must know. */
function there<Answer>(answer: Answer | null, id: string): Answer {
  if (answer !== null) return answer;
  throw new RuntimeError('INVARIANT_BROKEN', `the history knows of '${id}', its stream does not`);
}

async function notThere(past: Past, id: string, { position }: Moment): Promise<RuntimeError> {
  const lives = await past.lives(id);
  if (lives.length === 0) return neverWas(id);
  const existed = lives.map(stretchOf).join(', and ');
  return new RuntimeError(
    'NOT_FOUND',
    `there was no entity '${id}' at position ${position}; it existed ${existed}`,
    { data: { id, position, existed: lives } },
  );
}

function stretchOf({ from, to }: Life): string {
  const markOf = ({ time, position }: Life['from']) => `${time} (position ${position})`;
  return `from ${markOf(from)} ${to === null ? 'on' : `to ${markOf(to)}`}`;
}
