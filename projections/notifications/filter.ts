/**
 * What a follower of the feed wants to hear.
 *
 *     (its entities or its neighbourhood, or all) and (its types, or all), of one tenant
 *
 * An entity stands for its own events and those of its relationships. A neighbourhood is the entity, its
 * relationships and the entities at their other ends; it is kept up to date by what passes by, so it must
 * be shown every notification of its tenant, once and in order, from the position that it was made at.
 */
import type { EntityType, RelationshipType } from '#actors';
import { limits, RuntimeError } from '#runtime';
import type { Notification } from './message.ts';
import type { Neighbours } from './neighbours.ts';

export type NotifiedType = EntityType | RelationshipType;

export interface FeedRequest {
  readonly tenantId: string;
  /** Only what comes after this position. Absent: only what comes from now on. */
  readonly after?: number;
  readonly entities?: readonly string[];
  readonly types?: readonly NotifiedType[];
  /** The entity whose neighbourhood is followed, beside `entities`. */
  readonly neighbourhood?: string;
  /** Also hears the query results of this session. */
  readonly sessionId?: string;
}

export class FeedFilter {
  /** Followers with the same key get the same; null for one that is nobody else's. */
  readonly key: string | null;
  readonly #tenantId: string;
  readonly #entities: ReadonlySet<string> | null;
  readonly #types: ReadonlySet<NotifiedType> | null;
  readonly #around: Around | null;

  /** `neighbours` are those of `request.neighbourhood`, at the position from which it follows. */
  constructor(request: FeedRequest, neighbours: Neighbours = new Map()) {
    const { tenantId, entities = [], types = [], neighbourhood } = request;
    const isAll = entities.length === 0 && neighbourhood === undefined;
    this.key = neighbourhood === undefined ? JSON.stringify([tenantId, entities, types]) : null;
    this.#tenantId = tenantId;
    this.#entities = isAll ? null : new Set(entities);
    this.#types = types.length === 0 ? null : new Set(types);
    this.#around = neighbourhood === undefined ? null : new Around(neighbourhood, neighbours);
  }

  /** Throws QUERY_TOO_LARGE where a neighbourhood grows above limits.feedNeighboursMax. */
  wants(notification: Notification): boolean {
    if (notification.tenantId !== this.#tenantId) return false;
    const isAround = this.#around?.sees(notification) ?? false;
    if (this.#types !== null && !this.#types.has(typeOf(notification))) return false;
    if (this.#entities === null || isAround) return true;
    return endsOf(notification).some((id) => this.#entities!.has(id));
  }
}

/** An entity and what it is linked to, as time goes by. */
class Around {
  readonly #center: string;
  /** Relationship id → its other end. */
  readonly #others: Map<string, string>;
  /** Entity id → how many relationships lead there. */
  readonly #near = new Map<string, number>();

  constructor(center: string, neighbours: Neighbours) {
    this.#center = center;
    this.#others = new Map();
    for (const [relationshipId, other] of neighbours) this.#link(relationshipId, other);
  }

  /** Whether it is in the neighbourhood, which changes by it. */
  sees(notification: Notification): boolean {
    if (notification.messageType === 'ENTITY_CHANGED') {
      const { entityId } = notification.payload;
      return entityId === this.#center || this.#near.has(entityId);
    }
    const other = otherEnd(notification, this.#center);
    if (other === null) return false;
    const { relationshipId } = notification.payload;
    this.#unlink(relationshipId);
    if (notification.change !== 'deleted') this.#link(relationshipId, other);
    return true;
  }

  #link(relationshipId: string, other: string): void {
    if (this.#others.size >= limits.feedNeighboursMax) throw tooManyNeighbours(this.#center);
    this.#others.set(relationshipId, other);
    this.#near.set(other, (this.#near.get(other) ?? 0) + 1);
  }

  #unlink(relationshipId: string): void {
    const other = this.#others.get(relationshipId);
    if (other === undefined) return;
    this.#others.delete(relationshipId);
    const left = this.#near.get(other)! - 1;
    if (left === 0) this.#near.delete(other);
    else this.#near.set(other, left);
  }
}

/** The end of a relationship that is not the given one, which may be both; null where it is neither. */
export function otherEnd(notification: Notification, entityId: string): string | null {
  if (notification.messageType === 'ENTITY_CHANGED') return null;
  const { sourceEntityId, targetEntityId } = notification.payload;
  if (sourceEntityId === entityId) return targetEntityId;
  return targetEntityId === entityId ? sourceEntityId : null;
}

/** The entities that a notification is about: itself, or both ends. */
export function endsOf(notification: Notification): readonly string[] {
  if (notification.messageType === 'ENTITY_CHANGED') return [notification.payload.entityId];
  const { sourceEntityId, targetEntityId } = notification.payload;
  return [sourceEntityId, targetEntityId];
}

function typeOf(notification: Notification): NotifiedType {
  return notification.messageType === 'ENTITY_CHANGED'
    ? notification.payload.entityType
    : notification.payload.relationshipType;
}

export function tooManyNeighbours(entityId: string): RuntimeError {
  return new RuntimeError(
    'QUERY_TOO_LARGE',
    `'${entityId}' has more than ${limits.feedNeighboursMax} relationships; follow it by types`,
  );
}
