/**
 * Any log as the far end of a copy: one append at a time, for a log promises no order between two that
 * are under way. Neighbours of one stream share an append.
 */
import { RuntimeError } from './errors.ts';
import type { NewEvent, RecordedEvent } from './event.ts';
import { limits } from './limits.ts';
import type { Log } from './ports/log.ts';
import type { Replica } from './ports/replica.ts';

export function replicaOf(log: Log): Replica {
  return {
    last: () => log.last(),
    extend: async (events) => {
      let added = 0;
      for (const run of runsOf(events)) added += await extendStream(log, run);
      return added;
    },
  };
}

/** What `Replica.extend` throws for an event that does not continue the copy. */
export function copyDiverged({ id, stream, revision }: RecordedEvent): RuntimeError {
  return new RuntimeError(
    'COPY_DIVERGED',
    `${stream}@${revision} (${id}) does not continue the copy: something else stands in its place, or ` +
      'what precedes it in its stream is not there',
    { data: { stream, revision, id } },
  );
}

/** Neighbours of one stream, as many as go into one append. */
function* runsOf(events: readonly RecordedEvent[]): Generator<readonly RecordedEvent[]> {
  let run: RecordedEvent[] = [];
  let chars = 0;
  for (const event of events) {
    const size = JSON.stringify([event.data, event.metadata]).length;
    const isFull = chars + size > limits.copyAppendCharsMax;
    if (run.length > 0 && (isFull || !isNext(run.at(-1)!, event))) {
      yield run;
      run = [];
      chars = 0;
    }
    run.push(event);
    chars += size;
  }
  if (run.length > 0) yield run;
}

function isNext(before: RecordedEvent, event: RecordedEvent): boolean {
  return event.stream === before.stream && event.revision === before.revision + 1;
}

/** Each round appends what is missing, or finds more of it there: another copier may be at work. */
async function extendStream(log: Log, run: readonly RecordedEvent[]): Promise<number> {
  for (let rest = run; ; ) {
    const { stream, revision } = rest[0]!;
    const expected = revision === 0 ? 'no_stream' : revision - 1;
    const { kind } = await log.append(stream, rest.map(unplaced), expected);
    if (kind === 'appended') return rest.length;
    if (kind === 'duplicate') return 0;
    const standing = await log.readStream(stream, { from: revision, limit: rest.length });
    const other = rest.findIndex(({ id }, at) => standing[at]?.id !== id);
    if (other < 0) return 0;
    if (other === 0 || standing.length > other) throw copyDiverged(rest[other]!);
    rest = rest.slice(other);
  }
}

function unplaced({ id, type, schemaVersion, data, metadata }: RecordedEvent): NewEvent {
  return { id, type, schemaVersion, data, metadata };
}
