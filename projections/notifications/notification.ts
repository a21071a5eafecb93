/**
 * An event as a notification: one for each event that changes a row of the graph, none for any other.
 *
 * The graph's own list of events decides which are looked at (`notifiedEvents`); the standing before the
 * event decides the rest. An event that patches or removes what is not shown changes nothing.
 */
import { addressOf, type EventFilter, limits, type RecordedEvent } from '#runtime';
import { graphProjection } from '../graph/projection.ts';
import type { Change, Notification } from './message.ts';
import { type DataOf, type Standing, standingAfter } from './standing.ts';

/** The events that may change a row of the graph. */
export const notifiedEvents: EventFilter = graphProjection.filter;

interface Effect {
  readonly change: Change;
  readonly names: readonly string[];
}

const effects: Readonly<Record<string, ((data: never) => Effect) | undefined>> = {
  EntityCreated: ({ properties }: DataOf<'EntityCreated'>) => created(properties),
  EntityUpdated: ({ changed }: DataOf<'EntityUpdated'>) => updated(Object.keys(changed)),
  DeletionSuperseded: ({ removed }: DataOf<'DeletionSuperseded'>) => updated(removed),
  EntityDeleted: () => deleted,
  RelationshipActivated: ({ properties }: DataOf<'RelationshipActivated'>) => created(properties),
  RelationshipUpdated: ({ changed }: DataOf<'RelationshipUpdated'>) =>
    updated(Object.keys(changed)),
  UnlinkSuperseded: ({ removed }: DataOf<'UnlinkSuperseded'>) => updated(removed),
  RelationshipSuspended: () => deleted,
  RelationshipRemoved: () => deleted,
};

/** What the event changes, in the light of the standing before it; null where it changes nothing. */
export function notificationOf(event: RecordedEvent, before: Standing): Notification | null {
  const effect = effects[event.type]?.(event.data as never);
  if (effect === undefined) return null;
  const isFirst = effect.change === 'created';
  if (before === null && !isFirst) return null;
  const shown = effect.change === 'deleted' ? before : standingAfter(before, event);
  if (shown === null) return null;

  const { tenantId, id } = addressOf(event.stream);
  const { correlationId, recordedAt } = event.metadata;
  const about = {
    messageId: event.id,
    timestamp: recordedAt,
    tenantId,
    position: event.position,
    change: effect.change,
    ...(correlationId !== undefined && { correlationId }),
  };
  const changedProperties = listed(effect.names);
  if ('entityType' in shown) {
    const payload = { entityId: id, ...shown, changedProperties };
    return { messageType: 'ENTITY_CHANGED', ...about, payload };
  }
  const payload = { relationshipId: id, ...shown, changedProperties };
  return { messageType: 'RELATIONSHIP_CHANGED', ...about, payload };
}

const deleted: Effect = { change: 'deleted', names: [] };
const updated = (names: readonly string[]): Effect => ({ change: 'updated', names });
const created = (properties: object): Effect => ({
  change: 'created',
  names: Object.keys(properties),
});

/** Names come from outside and may be as long as an event; a notification stays small. */
function listed(names: readonly string[]): string[] | null {
  const chars = names.reduce((sum, name) => sum + name.length, 0);
  return chars > limits.notifiedNamesCharsMax ? null : [...names];
}
