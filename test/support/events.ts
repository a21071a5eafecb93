/**
 * Builders for recorded events: each test states only what matters to it.
 *
 * A `History` gives positions and revisions as a log would, so that a list of facts in order is a log.
 */
import type {
  EntityEvent,
  EntityHead,
  EntityType,
  Properties,
  RelationshipEvent,
  RelationshipHead,
  RelationshipType,
} from '#actors';
import { type DomainEvent, type RecordedEvent, streamOf } from '#runtime';
import { instantAt } from '#test/messages';

/** A fact and whom it happened to, before it has a place. */
export interface Fact<Event extends DomainEvent = DomainEvent> {
  readonly tenantId: string;
  readonly kind: 'entity' | 'relationship';
  readonly id: string;
  readonly event: Event;
}

interface Whom {
  readonly tenantId?: string;
  readonly id?: string;
}

interface EntityParts extends Whom {
  readonly type?: EntityType;
  readonly properties?: Properties;
  readonly importance?: string;
}

interface EdgeParts extends Whom {
  readonly type?: RelationshipType;
  readonly from?: string;
  readonly to?: string;
  readonly properties?: Properties;
  readonly strength?: number;
}

const extractedAt = instantAt(0);

function entityFact<Event extends EntityEvent>(
  { tenantId = 'acme', id = 'issue-1' }: Whom,
  type: Event['type'],
  data: Event['data'],
): Fact<Event> {
  return { tenantId, kind: 'entity', id, event: { type, schemaVersion: 1, data } as Event };
}

function edgeFact<Event extends RelationshipEvent>(
  { tenantId = 'acme', id = 'link-1' }: Whom,
  type: Event['type'],
  data: Event['data'],
): Fact<Event> {
  return { tenantId, kind: 'relationship', id, event: { type, schemaVersion: 1, data } as Event };
}

function entityHead({ id = 'issue-1', type = 'ISSUE', importance = 'NORMAL' }: EntityParts) {
  const source = { system: 'jira', id, url: `https://acme.example/${id}` } as const;
  const head: EntityHead = {
    entityType: type,
    source,
    metadata: { confidence: 'HIGH', importance },
  };
  return head;
}

function edgeHead({ type = 'RELATED_TO', from = 'a', to = 'b', strength = 1 }: EdgeParts) {
  const head: RelationshipHead = {
    relationshipType: type,
    sourceEntityId: from,
    targetEntityId: to,
    metadata: { confidence: 'HIGH', strength },
  };
  return head;
}

export function entityCreated(parts: EntityParts = {}): Fact<EntityEvent> {
  const { properties = {} } = parts;
  const head = entityHead(parts);
  const rest = { extractedAt, intent: 'create', held: [], headHeld: false } as const;
  return entityFact(parts, 'EntityCreated', { head, properties, ...rest });
}

/** An update; with `isHead` also of type, source and metadata. */
export function entityUpdated(parts: EntityParts & { isHead?: boolean } = {}): Fact<EntityEvent> {
  const { properties: changed = {}, isHead = false } = parts;
  const head = isHead ? { head: entityHead(parts) } : {};
  const rest = { extractedAt, intent: 'update', confirmed: [] } as const;
  return entityFact(parts, 'EntityUpdated', { changed, ...head, ...rest });
}

export function entityDeleted(parts: Whom = {}): Fact<EntityEvent> {
  return entityFact(parts, 'EntityDeleted', { extractedAt });
}

export function deletionSuperseded(
  parts: Whom & { removed?: readonly string[] } = {},
): Fact<EntityEvent> {
  return entityFact(parts, 'DeletionSuperseded', { extractedAt, removed: parts.removed ?? [] });
}

export function linkProposed(parts: EdgeParts = {}): Fact<RelationshipEvent> {
  const { properties = {} } = parts;
  const head = edgeHead(parts);
  return edgeFact(parts, 'RelationshipProposed', { head, properties, extractedAt, held: [] });
}

export function linkActivated(parts: EdgeParts = {}): Fact<RelationshipEvent> {
  const { properties = {} } = parts;
  return edgeFact(parts, 'RelationshipActivated', { head: edgeHead(parts), properties });
}

/** An update; with `isHead` also of its metadata. */
export function linkUpdated(parts: EdgeParts & { isHead?: boolean } = {}): Fact<RelationshipEvent> {
  const { properties: changed = {}, isHead = false } = parts;
  const head = isHead ? { head: edgeHead(parts) } : {};
  return edgeFact(parts, 'RelationshipUpdated', { changed, ...head, extractedAt, confirmed: [] });
}

export function linkSuspended(parts: Whom = {}): Fact<RelationshipEvent> {
  return edgeFact(parts, 'RelationshipSuspended', { missing: [] });
}

export function linkRemoved(
  parts: Whom & { reason?: 'unlinked' | 'retargeted' } = {},
): Fact<RelationshipEvent> {
  const { reason = 'unlinked' } = parts;
  return edgeFact(parts, 'RelationshipRemoved', { extractedAt, reason, head: null });
}

export function unlinkSuperseded(
  parts: Whom & { removed?: readonly string[] } = {},
): Fact<RelationshipEvent> {
  return edgeFact(parts, 'UnlinkSuperseded', { extractedAt, removed: parts.removed ?? [] });
}

/** Gives facts their place in the log. */
export class History {
  #position = 0;
  readonly #revisions = new Map<string, number>();

  /** The last position that was given. */
  get head(): number {
    return this.#position;
  }

  record(fact: Fact): RecordedEvent {
    const { tenantId, kind, id, event } = fact;
    const stream = streamOf({ tenantId, kind, id });
    const revision = (this.#revisions.get(stream) ?? -1) + 1;
    this.#revisions.set(stream, revision);
    this.#position += 1;
    const position = this.#position;
    return {
      ...event,
      id: `event-${position}`,
      metadata: { messageId: `message-${position}`, recordedAt: instantAt(position) },
      stream,
      revision,
      position,
    };
  }
}

/** Facts in order as a whole log. */
export function recorded(facts: readonly Fact[]): readonly RecordedEvent[] {
  const history = new History();
  return facts.map((fact) => history.record(fact));
}
