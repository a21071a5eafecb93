/** Builders for messages: each test states only what matters to it. */
import type {
  ActorMessage,
  CreateEntity,
  DeleteEntity,
  LinkEntities,
  SetEndPresence,
  UnlinkEntities,
  UpdateEntity,
} from '#actors';

interface Common {
  readonly tenantId?: string;
  readonly messageId?: string;
  /** Minutes after an arbitrary noon; orders writes. */
  readonly at?: number;
}

interface EntityParts extends Common {
  readonly id?: string;
  readonly type?: 'PERSON' | 'DOCUMENT' | 'PROJECT' | 'ISSUE';
  readonly properties?: Record<string, unknown>;
  readonly importance?: 'MINOR' | 'NORMAL' | 'MAJOR' | 'CRITICAL';
}

interface LinkParts extends Common {
  readonly id?: string;
  readonly type?: 'AUTHORED_BY' | 'ASSIGNED_TO' | 'RELATED_TO' | 'DEPENDS_ON';
  readonly from?: string;
  readonly to?: string;
  readonly properties?: Record<string, unknown>;
  readonly strength?: number;
}

let built = 0;

export function instantAt(minutes: number): string {
  return new Date(Date.UTC(2026, 10, 24, 12, 0, 0) + Math.round(minutes * 60_000)).toISOString();
}

function envelope({ tenantId = 'acme', messageId, at = 0 }: Common) {
  built += 1;
  return { messageId: messageId ?? `message-${built}`, timestamp: instantAt(at), tenantId };
}

function content({
  id = 'issue-1',
  type = 'ISSUE',
  properties = {},
  importance,
  at = 0,
}: EntityParts) {
  return {
    entityId: id,
    entityType: type,
    properties,
    source: { system: 'jira' as const, id, url: `https://acme.example/${id}` },
    metadata: {
      confidence: 'HIGH' as const,
      importance: importance ?? ('NORMAL' as const),
      extractedAt: instantAt(at),
    },
  };
}

export function createEntity(parts: EntityParts = {}): CreateEntity {
  return { messageType: 'CREATE_ENTITY', ...envelope(parts), payload: content(parts) };
}

export function updateEntity(parts: EntityParts = {}): UpdateEntity {
  return { messageType: 'UPDATE_ENTITY', ...envelope(parts), payload: content(parts) };
}

export function deleteEntity(parts: Common & { readonly id?: string } = {}): DeleteEntity {
  return {
    messageType: 'DELETE_ENTITY',
    ...envelope(parts),
    payload: {
      entityId: parts.id ?? 'issue-1',
      metadata: { extractedAt: instantAt(parts.at ?? 0) },
    },
  };
}

export function linkEntities(parts: LinkParts = {}): LinkEntities {
  return {
    messageType: 'LINK_ENTITIES',
    ...envelope(parts),
    payload: {
      relationshipId: parts.id ?? 'link-1',
      relationshipType: parts.type ?? 'RELATED_TO',
      sourceEntityId: parts.from ?? 'issue-1',
      targetEntityId: parts.to ?? 'issue-2',
      properties: parts.properties ?? {},
      metadata: {
        confidence: 'HIGH',
        strength: parts.strength ?? 1,
        extractedAt: instantAt(parts.at ?? 0),
      },
    },
  };
}

export function unlinkEntities(parts: Common & { readonly id?: string } = {}): UnlinkEntities {
  return {
    messageType: 'UNLINK_ENTITIES',
    ...envelope(parts),
    payload: {
      relationshipId: parts.id ?? 'link-1',
      metadata: { extractedAt: instantAt(parts.at ?? 0) },
    },
  };
}

export function setEndPresence(
  parts: Common & {
    readonly id?: string;
    readonly end?: string;
    readonly present?: boolean;
    readonly revision?: number;
  } = {},
): SetEndPresence {
  return {
    messageType: 'SET_END_PRESENCE',
    ...envelope(parts),
    payload: {
      relationshipId: parts.id ?? 'link-1',
      entityId: parts.end ?? 'issue-1',
      present: parts.present ?? true,
      revision: parts.revision ?? 0,
    },
  };
}

/** A message as a bus carries it. */
export function onTheBus(message: ActorMessage): { messageId: string; body: string } {
  return { messageId: message.messageId, body: JSON.stringify(message) };
}
