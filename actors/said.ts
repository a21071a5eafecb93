/**
 * What events say of the message that led to them: its envelope, and the properties that it wrote. What
 * it said that was no news is in no event, and decides nothing.
 */
import type { Address, RecordedEvent } from '#runtime';
import { type Delta, own, type Properties, type Registers } from './register.ts';

/** The envelope of the message that led to an event; when it was sent is not kept, nor asked for. */
export function envelopeSaid({ tenantId }: Address, { metadata }: RecordedEvent) {
  const { recordedAt: timestamp, ...causes } = metadata;
  return { ...causes, tenantId, timestamp };
}

/** The properties of a write, by what it changed and confirmed. */
export function propertiesSaid(before: Registers, { changed, confirmed }: Delta): Properties {
  const said: Record<string, unknown> = { ...changed };
  for (const name of confirmed) said[name] = own(before, name)?.value;
  return said;
}

/** The properties of a write, by all that there were after it and those that it did not write. */
export function propertiesSaidOf(after: Properties, held: readonly string[]): Properties {
  return Object.fromEntries(Object.entries(after).filter(([name]) => !held.includes(name)));
}
