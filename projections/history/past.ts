/**
 * How things looked at a position, folded from their streams up to there, by the graph's own rules: what
 * the graph would show had the log ended there.
 *
 * Snapshots are no help: an actor keeps its newest one, which is later than most moments that are asked
 * of, and it does not know when the entity came to be. One `Past` belongs to one question and reads at
 * most limits.historyEventsMax events for it; above: QUERY_TOO_LARGE.
 */
import { upcast } from '#actors';
import {
  type Clock,
  type Log,
  limits,
  type RecordedEvent,
  RuntimeError,
  type StreamName,
  streamOf,
} from '#runtime';
import { effectOf, type KeyedRow, type RowChange } from '../effect.ts';
import type { Entity, Relationship } from '../graph/answer.ts';
import type { EdgeRow, NodeRow } from '../graph/change.ts';
import { graphProjection } from '../graph/projection.ts';

/** A stretch of an entity's life. Times are as recorded. */
export interface Life {
  readonly from: Mark;
  /** Null while it lasts. */
  readonly to: Mark | null;
}

interface Mark {
  readonly position: number;
  readonly time: string;
}

interface Surroundings {
  readonly log: Log;
  readonly clock: Clock;
}

/** Events of one read. Most streams have fewer; 8 reads of 256 events of 2 KiB are 4 MiB. */
const pageEvents = 256;
const readsAtOnce = 8;
/** How long folding goes on before others have their turn: logs may answer without leaving the thread. */
const sliceMs = 10;

export class Past {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #tenantId: string;
  readonly #position: number;
  #events = 0;
  #sliceEndsMs: number;

  constructor({ log, clock }: Surroundings, tenantId: string, position: number) {
    this.#log = log;
    this.#clock = clock;
    this.#tenantId = tenantId;
    this.#position = position;
    this.#sliceEndsMs = clock.now() + sliceMs;
  }

  /** An entity as it was then, null where there was none. Throws QUERY_TOO_LARGE, LOG_UNAVAILABLE. */
  async entity(id: string): Promise<Entity | null> {
    const row = await this.#row<NodeRow>('entity', id);
    if (row === null) return null;
    const { tenantId: _, ...answer } = row;
    return answer;
  }

  /** A relationship as it was then, null where it did not hold. Whether its ends were there is not said. */
  async relationship(id: string): Promise<Relationship | null> {
    const row = await this.#row<EdgeRow>('relationship', id);
    if (row === null) return null;
    const { tenantId: _, since: __, ...answer } = row;
    return answer;
  }

  /** What `read` answers for each, in order; a bounded number is under way at a time. */
  async each<Key, Answer>(
    keys: readonly Key[],
    read: (key: Key) => Promise<Answer>,
  ): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    for (let at = 0; at < keys.length; at += readsAtOnce) {
      const some = keys.slice(at, at + readsAtOnce);
      answers.push(...(await Promise.all(some.map(read))));
    }
    return answers;
  }

  /** The stretches of an entity's life nearest to the position: the last before it, the first after. */
  async lives(id: string): Promise<readonly Life[]> {
    const lives: Life[] = [];
    for await (const page of this.#pages('entity', id, Number.POSITIVE_INFINITY)) {
      for (const { type, position, metadata } of page) {
        const mark = { position, time: metadata.recordedAt };
        const last = lives.at(-1);
        if (type === 'EntityCreated' && last?.to !== null) lives.push({ from: mark, to: null });
        if (type === 'EntityDeleted' && last?.to === null)
          lives.splice(-1, 1, { ...last, to: mark });
      }
    }
    const after = lives.findIndex(({ from }) => from.position > this.#position);
    return after < 0 ? lives.slice(-1) : lives.slice(Math.max(0, after - 1), after + 1);
  }

  async #row<Row extends KeyedRow>(kind: Kind, id: string): Promise<Row | null> {
    let effect: RowChange<Row> | undefined;
    for await (const page of this.#pages(kind, id, this.#position)) {
      for (const event of page) {
        for (const { change } of graphProjection.project(event)) {
          effect = effectOf(effect, change as unknown as RowChange<Row>);
        }
      }
    }
    return effect?.kind === 'put' ? effect.row : null;
  }

  /** A stream's events up to a position, in today's version. */
  async *#pages(kind: Kind, id: string, to: number): AsyncGenerator<readonly RecordedEvent[]> {
    const stream = streamOf({ tenantId: this.#tenantId, kind, id });
    for (let from = 0, isMore = true; isMore; from += pageEvents) {
      const page = await this.#page(stream, from);
      const wanted = page.filter(({ position }) => position <= to);
      yield wanted.map(upcast);
      isMore = wanted.length === pageEvents;
    }
  }

  async #page(stream: StreamName, from: number): Promise<readonly RecordedEvent[]> {
    const page = await this.#log.readStream(stream, { from, limit: pageEvents });
    this.#events += page.length;
    if (this.#events > limits.historyEventsMax) {
      const message = `more than ${limits.historyEventsMax} events would have to be read`;
      throw new RuntimeError('QUERY_TOO_LARGE', message);
    }
    if (this.#clock.now() >= this.#sliceEndsMs) {
      await this.#clock.sleep(0);
      this.#sliceEndsMs = this.#clock.now() + sliceMs;
    }
    return page;
  }
}

type Kind = 'entity' | 'relationship';
