/**
 * The command that tells one relationship about one of its ends.
 *
 * Its id names what is said: this proposal of this relationship, this presence of this entity. Said
 * again, it is the same message and has no effect.
 */
import type { SetEndPresence } from '#actors';
import type { BusMessage } from '#runtime';
import type { Cause, LinkRow, PresenceRow } from './change.ts';

/** UUIDv5 of a name (`Ids.named`). */
export type Named = (name: string) => string;

export function endPresence(
  link: Pick<LinkRow, 'tenantId' | 'id' | 'revision'>,
  presence: Pick<PresenceRow, 'id' | 'present' | 'revision'>,
  cause: Cause,
  named: Named,
): BusMessage {
  const { tenantId, id: relationshipId } = link;
  const { id: entityId, present, revision } = presence;
  const said = [tenantId, relationshipId, link.revision, entityId, revision, present];
  const messageId = named(`SET_END_PRESENCE ${JSON.stringify(said)}`);
  const message: SetEndPresence = {
    messageType: 'SET_END_PRESENCE',
    messageId,
    timestamp: cause.recordedAt,
    tenantId,
    payload: { relationshipId, entityId, present, revision },
    ...(cause.correlationId !== null && { correlationId: cause.correlationId }),
    causationId: cause.eventId,
  };
  return { messageId, messageType: message.messageType, body: JSON.stringify(message) };
}
