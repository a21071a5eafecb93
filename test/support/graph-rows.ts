/** All rows of the graph that readers of a store see. */
import type { EdgeRow, NodeRow } from '#projections';
import type { Queryable } from '#runtime';
import { type GraphRows, sorted } from './graph-model.ts';

export async function graphRows(store: Queryable): Promise<GraphRows> {
  const nodes = await store.query<NodeRow & Record<string, unknown>>(
    `SELECT tenant_id AS "tenantId", id, type, properties, source, confidence, importance, revision,
            position, created_at AS "createdAt", updated_at AS "updatedAt" FROM graph.node`,
  );
  const edges = await store.query<EdgeRow & Record<string, unknown>>(
    `SELECT tenant_id AS "tenantId", id, type, source_id AS "sourceId", target_id AS "targetId",
            properties, confidence, strength, revision, position, since FROM graph.edge`,
  );
  return sorted({ nodes, edges });
}
