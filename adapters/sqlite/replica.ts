/**
 * The embedded log as the far end of a copy: all that is given at a time is one transaction, so that a
 * copy of single events has the speed of the group commit and still stands in order.
 */
import { categoryOf, copyDiverged, type Log, type RecordedEvent, type Replica } from '#runtime';
import type { AppendRequest } from './group.ts';
import type { Writer } from './writer.ts';
import { written } from './written-event.ts';

export class SqliteReplica implements Replica {
  readonly #log: Log;
  readonly #writer: Writer;

  constructor(log: Log, writer: Writer) {
    this.#log = log;
    this.#writer = writer;
  }

  last(): Promise<RecordedEvent | null> {
    return this.#log.last();
  }

  async extend(events: readonly RecordedEvent[]): Promise<number> {
    const { standing, added } = await this.#writer.chain({ chain: events.map(placed) });
    const other = events[standing];
    if (other !== undefined) throw copyDiverged(other);
    return added;
  }
}

function placed(event: RecordedEvent): AppendRequest {
  const { stream, revision } = event;
  return {
    stream,
    category: categoryOf(stream),
    expected: revision === 0 ? 'no_stream' : revision - 1,
    events: [written(event)],
  };
}
