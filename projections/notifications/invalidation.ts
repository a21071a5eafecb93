/**
 * What caches must forget when something changed: answers that hold the entity, or one of the
 * relationship's ends. Answers are tagged with the entities that they depend on (`graph/tag.ts`).
 */
import type { Cache } from '#runtime';
import { entityTag } from '../graph/tag.ts';
import { endsOf } from './filter.ts';
import type { CacheInvalidation, Notification } from './message.ts';

/** By tenant: the ids of the entities that the notifications are about. */
export function changedEntities(
  notifications: readonly Notification[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const byTenant = new Map<string, Set<string>>();
  for (const notification of notifications) {
    const ids = byTenant.get(notification.tenantId) ?? new Set();
    byTenant.set(notification.tenantId, ids);
    for (const id of endsOf(notification)) ids.add(id);
  }
  return byTenant;
}

/** Resolves when this node reads nothing that the notifications replaced. */
export async function forget(
  cache: Pick<Cache, 'invalidate'>,
  notifications: readonly Notification[],
): Promise<void> {
  for (const [tenantId, ids] of changedEntities(notifications)) {
    await cache.invalidate(tenantId, [...ids].map(entityTag));
  }
}

/** Those that keep what the graph answers, as the specification names them. */
const affectedServices = ['knowledge-graph', 'llm-rag'];

/**
 * The specification's message for one tenant's notifications, which must not be empty: a key for each
 * entity and each relationship. Its time and position are those of the last.
 */
export function cacheInvalidation(notifications: readonly Notification[]): CacheInvalidation {
  const { tenantId, timestamp, position } = notifications.at(-1)!;
  const keys = notifications.flatMap((one) => {
    const entities = endsOf(one).map(entityTag);
    if (one.messageType === 'ENTITY_CHANGED') return entities;
    return [...entities, `relationship:${one.payload.relationshipId}`];
  });
  const payload: CacheInvalidation['payload'] = {
    cacheKeys: [...new Set(keys)],
    reason: 'DATA_UPDATE',
    affectedServices: [...affectedServices],
  };
  return { messageType: 'CACHE_INVALIDATION', timestamp, payload, tenantId, position };
}
