/**
 * Reads the log, on the main thread, from a connection of its own that cannot write.
 *
 * A stream takes 2 to 9 µs and a scan 3 µs an event, JSON included; to be handed the rows by another
 * thread would cost the main thread as much. No transaction outlives a call, so that readers never
 * hold the journal back.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  type EventBatch,
  type EventFilter,
  limits,
  type ReadStreamOptions,
  type RecordedEvent,
  type StoredSnapshot,
  type StreamName,
} from '#runtime';
import { closedLog, onFile } from './error.ts';
import { Refusal } from './failure.ts';
import { openForReading } from './format.ts';
import { Recent, type Stretch } from './recent.ts';

type RecordRow = readonly [
  position: number,
  stream: StreamName | null,
  revision: number,
  type: string | null,
  schemaVersion: number,
  id: string,
  data: string,
  metadata: string,
];

const columns = 'position, stream, revision, type, schema_version, id, data, metadata';

export class Reader {
  readonly #file: string;
  readonly #db: DatabaseSync;
  readonly #forward: StatementSync;
  readonly #backward: StatementSync;
  readonly #scan: StatementSync;
  readonly #head: StatementSync;
  readonly #snapshot: StatementSync;
  readonly #recent = new Recent();

  constructor(file: string) {
    this.#file = file;
    this.#db = openForReading(file);
    // `LIMIT +?`: for a bare `?` SQLite plans the statement anew at every call (10 µs).
    const ofStream = `SELECT ${columns} FROM record
      WHERE stream_id = (SELECT id FROM stream WHERE name = ?)`;
    this.#forward = this.#prepare(`${ofStream} AND revision >= ? ORDER BY revision LIMIT +?`);
    this.#backward = this.#prepare(`${ofStream} AND revision <= ? ORDER BY revision DESC LIMIT +?`);
    // By the kinds that are not wanted, so that an event of a lost kind is found out, not passed over.
    this.#scan = this.#prepare(`SELECT ${columns} FROM record
      WHERE position > ?1 AND position <= ?2 AND kind_id NOT IN (
        SELECT id FROM kind
        WHERE (?3 IS NOT NULL AND category NOT IN (SELECT value FROM json_each(?3)))
           OR (?4 IS NOT NULL AND type NOT IN (SELECT value FROM json_each(?4))))
      ORDER BY position`);
    this.#head = this.#prepare('SELECT ifnull(max(position), 0) FROM event');
    this.#snapshot = this.#prepare(`SELECT revision, machine_version, state FROM snapshot
      WHERE stream = (SELECT id FROM stream WHERE name = ?)`);
  }

  readStream(
    stream: StreamName,
    { from, direction = 'forward', limit = -1 }: ReadStreamOptions,
  ): readonly RecordedEvent[] {
    return this.#reading(() => {
      const rows =
        direction === 'forward'
          ? this.#forward.all(stream, from ?? 0, limit)
          : this.#backward.all(stream, from ?? Number.MAX_SAFE_INTEGER, limit);
      return (rows as unknown as readonly RecordRow[]).map(recorded);
    });
  }

  /** One look at what stands after a position: at most `limit` events, and less where limits say so. */
  scan(after: number, limit: number, filter: EventFilter = {}): EventBatch {
    return this.#reading(() => {
      const head = this.#readHead();
      if (head <= after) return { events: [], position: after, live: true };
      if (head - after > limits.logRecentEventsMax) {
        const { held, position } = this.#stretch(after, head, limit, filter);
        return { events: held.map(({ event }) => event), position, live: position === head };
      }
      const recent = this.#recent;
      const goOn = () =>
        recent.add(this.#stretch(recent.position, head, limits.logRecentEventsMax, {}));
      if (!recent.covers(after)) recent.restart(after);
      if (recent.position < head) goOn();
      if (!recent.covers(after)) {
        // What is new was so large that it drove out what is asked for.
        recent.restart(after);
        goOn();
      }
      const { events, position } = recent.after(after, limit, filter);
      return { events, position, live: position === head };
    });
  }

  /** Up to so many events after a position, read from the file. */
  #stretch(after: number, head: number, limit: number, filter: EventFilter): Stretch {
    const to = Math.min(head, after + limits.logScanEventsMax);
    const rows = this.#scan.iterate(after, to, json(filter.categories), json(filter.types));
    const held: Stretch['held'][number][] = [];
    let sum = 0;
    for (const row of rows as Iterable<unknown> as Iterable<RecordRow>) {
      const event = recorded(row);
      const chars = row[6].length + row[7].length;
      held.push({ event, chars });
      sum += chars;
      if (held.length >= limit || sum >= limits.subscriptionBatchCharsMax) {
        return { held, position: event.position };
      }
    }
    return { held, position: to };
  }

  head(): number {
    return this.#reading(() => this.#readHead());
  }

  snapshot(stream: StreamName): StoredSnapshot | null {
    return this.#reading(() => {
      const row = this.#snapshot.get(stream) as unknown as [number, number, string] | undefined;
      if (row === undefined) return null;
      const [revision, machineVersion, state] = row;
      try {
        return { revision, machineVersion, state: JSON.parse(state) };
      } catch (cause) {
        throw damaged(`the snapshot of ${stream}`, (cause as Error).message);
      }
    });
  }

  /** Reads after this throw SHUTTING_DOWN. */
  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  #readHead(): number {
    return (this.#head.get() as unknown as [number])[0];
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  }

  #reading<T>(work: () => T): T {
    if (!this.#db.isOpen) throw closedLog();
    return onFile(this.#file, work);
  }
}

function recorded(row: RecordRow): RecordedEvent {
  const [position, stream, revision, type, schemaVersion, id, data, metadata] = row;
  if (stream === null || type === null) {
    throw damaged(`the event at position ${position}`, 'it has no stream or no type');
  }
  try {
    return {
      id,
      type,
      schemaVersion,
      data: JSON.parse(data),
      metadata: JSON.parse(metadata),
      stream,
      revision,
      position,
    };
  } catch (cause) {
    throw damaged(`the event at position ${position}`, (cause as Error).message);
  }
}

function damaged(what: string, how: string): Refusal {
  return new Refusal('DATA_CORRUPT', `${what} is damaged: ${how}`);
}

function json(names: readonly string[] | undefined): string | null {
  return names === undefined ? null : JSON.stringify(names);
}
