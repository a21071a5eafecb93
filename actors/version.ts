/**
 * Versions of events: how what was written long ago is read today.
 *
 * Each type of event has its steps, oldest first: the first makes version 2 of version 1, and so on. So
 * its newest version is one more than it has steps; that one its machine writes. V1: nothing stored is
 * rewritten; an event is brought up to date each time it is read. V2: a step is pure, and total over
 * everything that was written in its version. V3: what is newer than this code, in its version or
 * its type, is refused before anything can misread it: a projection that wants it stops, and messages to
 * its actor become dead letters, to be redriven by the newer code.
 */
import { type DomainEvent, type RecordedEvent, RuntimeError } from '#runtime';

/** Makes data of the next version. */
export type Step = (data: never) => unknown;

/** The steps of every type of an actor's events; the last of them leads to today's data. */
export type Steps<Event extends DomainEvent> = {
  readonly [One in Event as One['type']]:
    | readonly []
    | readonly [...Step[], (data: never) => One['data']];
};

type DataOf<Event extends DomainEvent, Type> = Extract<Event, { readonly type: Type }>['data'];

export interface Versions<Event extends DomainEvent> {
  /** The newest version of each type. */
  readonly newest: ReadonlyMap<string, number>;
  /** What a machine says happened, in the newest version. */
  fact<Type extends Event['type']>(type: Type, data: DataOf<Event, Type>): Event;
  /** An event of any version in the newest. Throws EVENT_VERSION_UNKNOWN for what is newer. */
  upcast(event: RecordedEvent): RecordedEvent;
}

export function versionsOf<Event extends DomainEvent>(steps: Steps<Event>): Versions<Event> {
  const chains = new Map(Object.entries<readonly Step[]>(steps));
  const newest = new Map([...chains].map(([type, chain]) => [type, chain.length + 1]));
  return {
    newest,
    fact(type, data) {
      const event: DomainEvent = { type, schemaVersion: newest.get(type)!, data };
      return event as Event;
    },
    upcast(event) {
      const { type, schemaVersion } = event;
      const last = newest.get(type) ?? 0;
      if (schemaVersion === last) return event;
      const isOlder = Number.isInteger(schemaVersion) && schemaVersion >= 1 && schemaVersion < last;
      if (!isOlder) throw unknownVersion(event, last);
      const chain = chains.get(type)!.slice(schemaVersion - 1);
      const data = chain.reduce<unknown>((before, step) => step(before as never), event.data);
      return { ...event, schemaVersion: last, data };
    },
  };
}

function unknownVersion(event: RecordedEvent, newest: number): RuntimeError {
  const { type, schemaVersion, stream, position } = event;
  const known = newest === 0 ? 'knows no such event' : `knows versions 1 to ${newest}`;
  return new RuntimeError(
    'EVENT_VERSION_UNKNOWN',
    `${type} of ${stream} at position ${position} has version ${schemaVersion}; this code ${known}`,
    { data: { position, type, schemaVersion } },
  );
}
