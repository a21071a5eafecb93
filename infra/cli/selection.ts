/** Which part of history is meant: a stretch of positions, and in it some tenants, types, categories. */
import { categoryOf, type Log, type RecordedEvent } from '#runtime';
import { Complaint } from './complaint.ts';

export interface Selection {
  /** First position, inclusive. */
  readonly from?: number;
  /** Last position, inclusive; absent: the end of the log as it is at the beginning. */
  readonly to?: number;
  readonly tenants: readonly string[];
  readonly types: readonly string[];
  readonly categories: readonly string[];
}

export interface SelectedBatch {
  readonly events: readonly RecordedEvent[];
  /** Everything that was selected up to here has been handed over. */
  readonly position: number;
}

/** The last position that a selection reaches. */
export async function endOf(log: Log, { from = 1, to }: Selection): Promise<number> {
  if (to !== undefined && to < from) {
    throw new Complaint(`--from ${from} is behind --to ${to}: nothing stands between them`);
  }
  return Math.min(to ?? Number.MAX_SAFE_INTEGER, await log.head());
}

/** Up to `end`, in batches that hold no more than a subscription's; fewer where the signal is aborted. */
export async function* selected(
  log: Log,
  selection: Selection,
  { end, signal }: { readonly end: number; readonly signal: AbortSignal },
): AsyncGenerator<SelectedBatch, void, void> {
  const { from = 1, tenants, types, categories } = selection;
  const filter = {
    ...(categories.length > 0 && { categories }),
    ...(types.length > 0 && { types }),
  };
  const after = Math.max(1, from) - 1;
  if (after >= end) return;
  const isWanted = ({ stream }: RecordedEvent) =>
    tenants.length === 0 || tenants.includes(tenantOf(stream));
  for await (const batch of log.subscribe({ after, filter, signal })) {
    const events = batch.events.filter((event) => event.position <= end && isWanted(event));
    yield { events, position: Math.min(end, batch.position) };
    if (batch.position >= end) return;
  }
}

/** A stream's name is `category-tenant/id`, or `category-tenant`. */
export function tenantOf(stream: string): string {
  const rest = stream.slice(categoryOf(stream).length + 1);
  const slash = rest.indexOf('/');
  return slash < 0 ? rest : rest.slice(0, slash);
}

/** What to say of work that was ended in the middle. */
export function stoppedAt(position: number, end: number, next: string): Complaint {
  return new Complaint(`stopped at position ${position} of ${end}`, { hint: next });
}
