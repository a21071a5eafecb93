/**
 * Which events of `$all` are wanted: what the server can leave out, and the exact answer.
 *
 * The server looks at either the stream or the type, and at how it begins. So it narrows, and the rest
 * is decided here. Never wanted are the server's own events (streams that begin with `$`) and snapshots.
 */
import type { KurrentDBClient } from '@kurrent/kurrentdb-client';
import { categoryOf, type EventFilter } from '#runtime';
import type { RawEvent } from './record.ts';

type ReadAllOptions = NonNullable<Parameters<KurrentDBClient['rustClient']['readAll']>[0]>;
export type ServerFilter = NonNullable<ReadAllOptions['filter']>;

/** Snapshots stand in streams beside those that they are of. */
export const snapshotCategory = 'snapshot';

const regex = `^(?!\\$|${snapshotCategory}-)`;
export const everything = { filterOn: 'streamName', regex } as const satisfies ServerFilter;

/** Lets through everything that is wanted, and perhaps more. */
export function serverFilter({ categories }: EventFilter): ServerFilter {
  if (categories === undefined || categories.length === 0) return everything;
  return { filterOn: 'streamName', prefixes: [...categories] };
}

export function isWanted({ categories, types }: EventFilter): (event: RawEvent) => boolean {
  return ({ streamId, type }) =>
    (categories?.includes(categoryOf(streamId)) ?? true) && (types?.includes(type) ?? true);
}
