/**
 * The rows of the graph, and what happens to them.
 */
import type { EntitySource, EntityType, Properties, RelationshipType } from '#actors';
import type { RowChange } from '../effect.ts';

/** An entity that exists. */
export interface NodeRow {
  readonly tenantId: string;
  readonly id: string;
  readonly properties: Properties;
  readonly type: EntityType;
  readonly source: EntitySource;
  readonly confidence: string;
  readonly importance: string;
  /** Revision in its stream of the last event that changed it. */
  readonly revision: number;
  /** Position of that event. */
  readonly position: number;
  /** When it came to be (again), and when it last changed: ISO 8601, as recorded. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** A relationship both of whose ends were there when it was told of them. */
export interface EdgeRow {
  readonly tenantId: string;
  readonly id: string;
  readonly properties: Properties;
  readonly type: RelationshipType;
  readonly sourceId: string;
  readonly targetId: string;
  readonly confidence: string;
  readonly strength: number;
  readonly revision: number;
  readonly position: number;
  /** Position of its activation: no two edges share it, so lists are paged by it. */
  readonly since: number;
}

export type GraphChange =
  | { readonly of: 'node'; readonly change: RowChange<NodeRow> }
  | { readonly of: 'edge'; readonly change: RowChange<EdgeRow> };
