/**
 * Runs all history through the code as it is now, one actor after the other.
 *
 * The log is read in its global order; where a stream begins (revision 0), its whole stream is rehearsed
 * at once, page by page. So every event is read twice, and nothing is held but a batch, a page and one
 * state, however many actors there are. Nothing is written.
 */
import { type Difference, type Rehearsable, Rehearsal } from './core/rehearsal.ts';
import { addressOf } from './envelope.ts';
import type { RecordedEvent } from './event.ts';
import type { Log } from './ports/log.ts';
import type { Snapshots } from './ports/snapshots.ts';

/** How far a rehearsal is: counts from its start, and what was found since the last. */
export interface Rehearsed {
  /** Of actors, in the order in which their streams began. */
  readonly differences: readonly Difference[];
  readonly actors: number;
  readonly events: number;
  readonly messages: number;
  /** Every actor whose stream begins up to here has been rehearsed, or is being. */
  readonly position: number;
  /** The end of the log when it began; actors that begin later are left out. */
  readonly head: number;
}

export interface RehearseOptions {
  /** Only actors of this tenant. */
  readonly tenantId?: string;
}

/** Events of one page of a stream; an actor that recovers reads as many. */
const pageEvents = 500;

/**
 * Rehearses every actor of these kinds; yields after each page of each. Throws what reading the log does,
 * and DATA_CORRUPT for a snapshot that can't be read.
 */
export async function* rehearse(
  { log, snapshots }: { readonly log: Log; readonly snapshots: Snapshots },
  rehearsables: readonly Rehearsable[],
  { tenantId }: RehearseOptions = {},
): AsyncGenerator<Rehearsed, void, void> {
  const byKind = new Map(rehearsables.map((one) => [one.definition.kind, one]));
  const filter = { categories: [...byKind.keys()] };
  const head = await log.head();
  const counts = { actors: 0, events: 0, messages: 0 };
  if (head === 0) return;
  const { signal } = new AbortController();
  for await (const batch of log.subscribe({ after: 0, filter, signal })) {
    for (const { stream, revision, position } of batch.events) {
      const address = addressOf(stream);
      const isMeant = tenantId === undefined || tenantId === address.tenantId;
      if (revision > 0 || position > head || !isMeant) continue;
      const rehearsable = byKind.get(address.kind)!;
      const rehearsal = new Rehearsal(rehearsable, stream, await snapshots.load(stream));
      const before = counts.messages;
      counts.actors += 1;
      for await (const page of pagesOf(log, stream)) {
        const isLast = page.length < pageEvents;
        const differences = [...rehearsal.take(page), ...(isLast ? rehearsal.end() : [])];
        counts.events += page.length;
        counts.messages = before + rehearsal.messages;
        yield { differences, ...counts, position, head };
      }
    }
    if (batch.position >= head) return;
  }
}

/** A stream in pages; only the last, perhaps empty, is not full. */
async function* pagesOf(log: Log, stream: string): AsyncGenerator<readonly RecordedEvent[]> {
  for (let from = 0; ; from += pageEvents) {
    const page = await log.readStream(stream, { from, limit: pageEvents });
    yield page;
    if (page.length < pageEvents) return;
  }
}
