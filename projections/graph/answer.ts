/**
 * What the graph's queries answer, and the SQL that makes it.
 */
import type { EntitySource, EntityType, Properties, RelationshipType } from '#actors';
import { limits, type Queryable, type ReadStore, RuntimeError, type SqlValue } from '#runtime';

export interface Entity {
  readonly id: string;
  readonly type: EntityType;
  readonly properties: Properties;
  readonly source: EntitySource;
  readonly confidence: string;
  readonly importance: string;
  readonly revision: number;
  readonly position: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface Relationship {
  readonly id: string;
  readonly type: RelationshipType;
  readonly sourceId: string;
  readonly targetId: string;
  readonly properties: Properties;
  readonly confidence: string;
  readonly strength: number;
  readonly revision: number;
  readonly position: number;
}

/** One page; `next` is the cursor of the following one, null at the end. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

export interface PageRequest {
  readonly cursor?: string;
  /** 1 to limits.pageItemsMax. */
  readonly limit: number;
}

/** Row `n` of graph.node as an Entity. */
export const entityJson = `jsonb_build_object(
  'id', n.id, 'type', n.type, 'properties', n.properties, 'source', n.source,
  'confidence', n.confidence, 'importance', n.importance, 'revision', n.revision,
  'position', n.position, 'createdAt', n.created_at, 'updatedAt', n.updated_at)`;

/** Row `e` of graph.edge as a Relationship. */
export const relationshipJson = `jsonb_build_object(
  'id', e.id, 'type', e.type, 'sourceId', e.source_id, 'targetId', e.target_id,
  'properties', e.properties, 'confidence', e.confidence, 'strength', e.strength,
  'revision', e.revision, 'position', e.position)`;

/** Parameters of a statement that is put together: each value becomes a `$n`. */
export class Parameters {
  readonly values: SqlValue[] = [];

  add(value: SqlValue): string {
    return `$${this.values.push(value)}`;
  }
}

/**
 * Several statements that see one state of these views, and of one generation: the views are held before
 * the snapshot is taken, so that none is swapped in between. Costs one statement more, 0.1 ms.
 */
export function inSnapshot<T>(
  store: ReadStore,
  work: (tx: Queryable) => Promise<T>,
  views: readonly string[] = ['graph.node', 'graph.edge'],
): Promise<T> {
  return store.transaction(async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await tx.query(`LOCK TABLE ${views.join(', ')} IN ACCESS SHARE MODE`);
    return work(tx);
  });
}

/** The first `limit` of rows that were asked for one too many. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  itemOf: (row: Row) => Item,
  cursorAfter: (row: Row) => string,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? cursorAfter(last) : null;
  return { items: shown.map(itemOf), next };
}

/** Throws REQUEST_INVALID. */
export function assertLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= limits.pageItemsMax) return;
  const message = `limit must be a whole number from 1 to ${limits.pageItemsMax}`;
  throw new RuntimeError('REQUEST_INVALID', message, { data: { limit } });
}

/** Throws REQUEST_INVALID for text that PostgreSQL can't take. */
export function assertText(name: string, text: string): void {
  if (!text.includes('\0')) return;
  throw new RuntimeError('REQUEST_INVALID', `${name} holds a NUL character`, { data: { name } });
}

export function notFound(id: string): RuntimeError {
  return new RuntimeError('NOT_FOUND', `no entity '${id}'`, { data: { id } });
}
