/** Events of any actor, brought up to date; those of other streams are left as they are. */
import { categoryOf, type RecordedEvent } from '#runtime';
import { entity } from './entity/actor.ts';
import { relationship } from './relationship/actor.ts';

const upcasters: ReadonlyMap<string, (event: RecordedEvent) => RecordedEvent> = new Map([
  [entity.kind, entity.upcast],
  [relationship.kind, relationship.upcast],
]);

/** An event in today's version. Throws EVENT_VERSION_UNKNOWN. */
export function upcast(event: RecordedEvent): RecordedEvent {
  return upcasters.get(categoryOf(event.stream))?.(event) ?? event;
}
