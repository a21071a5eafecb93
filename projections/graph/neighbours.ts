/** Who is linked to an entity, a page at a time; and what such a page depends on beyond what it shows. */
import type { RelationshipType } from '#actors';
import { limits, type Queryable, type ReadStore } from '#runtime';
import { cursorOf } from '../cursor.ts';
import {
  assertLimit,
  assertText,
  type Entity,
  entityJson,
  inSnapshot,
  notFound,
  type Page,
  type PageRequest,
  Parameters,
  pageOf,
  type Relationship,
  relationshipJson,
} from './answer.ts';
import { liveEdges, type Traced } from './hidden.ts';
import { type Side, sidesOf } from './side.ts';

export type Direction = 'out' | 'in' | 'both';

export interface NeighboursRequest extends PageRequest {
  readonly type?: RelationshipType;
  /** `out`: the entity is the relationship's source. */
  readonly direction: Direction;
}

export interface Neighbour {
  readonly direction: 'out' | 'in';
  readonly relationship: Relationship;
  readonly entity: Entity;
}

interface NeighbourRow extends Record<string, unknown>, Neighbour {
  readonly type: RelationshipType;
  readonly since: number;
}

/** What the outer join answers for an entity without neighbours. */
interface Nobody extends Record<string, unknown> {
  readonly direction: null;
}

/** A page's rows and one more where there is one. Throws NOT_FOUND, REQUEST_INVALID. */
export async function neighbourRows(
  queryable: Queryable,
  tenantId: string,
  id: string,
  request: NeighboursRequest,
): Promise<readonly NeighbourRow[]> {
  assertText('id', id);
  assertLimit(request.limit);
  const params = new Parameters();
  const limit = params.add(request.limit + 1);
  const tenant = params.add(tenantId);
  const self = params.add(id);
  const listed = (side: Side) =>
    `(SELECT '${side.direction}' AS direction, e.type, e.since,
             ${relationshipJson} AS relationship, ${entityJson} AS entity
        FROM graph.edge e
        JOIN graph.node n ON n.tenant_id = e.tenant_id AND n.id = e.${side.far}
       WHERE e.tenant_id = ${tenant} AND e.${side.near} = ${self} ${within(side, request, params)}
       ORDER BY e.type, e.since LIMIT ${limit})`;
  const pages = sidesOf(request).map(listed).join(' UNION ALL ');
  const rows = await queryable.query<NeighbourRow | Nobody>(
    `SELECT page.* FROM graph.node self
       LEFT JOIN LATERAL (SELECT * FROM (${pages}) sides
                           ORDER BY direction DESC, type, since LIMIT ${limit}) page ON true
      WHERE self.tenant_id = ${tenant} AND self.id = ${self}
      ORDER BY page.direction DESC, page.type, page.since`,
    params.values,
  );
  if (rows.length === 0) throw notFound(id);
  return rows.filter(isNeighbour);
}

export function neighboursPage(rows: readonly NeighbourRow[], limit: number): Page<Neighbour> {
  return pageOf(
    rows,
    limit,
    ({ direction, relationship, entity }) => ({ direction, relationship, entity }),
    ({ direction, type, since }) => cursorOf([direction, type, since]),
  );
}

/**
 * A page, and the entities that would change it though it does not show them: those at the ends of
 * hidden edges within it, and the one on which it depends that there is a next page. Throws as
 * `neighbourRows` does.
 */
export function tracedNeighbours(
  store: ReadStore,
  tenantId: string,
  id: string,
  request: NeighboursRequest,
): Promise<Traced<Page<Neighbour>>> {
  return inSnapshot(store, async (tx) => {
    const rows = await neighbourRows(tx, tenantId, id, request);
    const more = rows[request.limit];
    const hidden = await hiddenNeighbours(tx, tenantId, id, request, more);
    const unseen = more === undefined ? hidden : [more.entity.id, ...hidden];
    return { answer: neighboursPage(rows, request.limit), unseen };
  });
}

/**
 * The missing ends of hidden edges on a page that goes up to `last`, or to the end of the list. It looks
 * at the edges that the page has looked at, so an entity with very many costs no more.
 */
async function hiddenNeighbours(
  tx: Queryable,
  tenantId: string,
  id: string,
  request: NeighboursRequest,
  last: NeighbourRow | undefined,
): Promise<readonly string[]> {
  const params = new Parameters();
  const tenant = params.add(tenantId);
  const self = params.add(id);
  const edges = await liveEdges(tx);
  const listed = (side: Side) => {
    const upTo = last?.direction === side.direction ? [last.type, last.since] : null;
    return `SELECT e.${side.far} AS id FROM ${edges} e
       WHERE e.tenant_id = ${tenant} AND e.${side.near} = ${self} ${within(side, request, params)}
             ${upTo === null ? '' : `AND (e.type, e.since) < (${upTo.map((part) => params.add(part))})`}
             AND NOT EXISTS (SELECT FROM graph.node n
                              WHERE n.tenant_id = ${tenant} AND n.id = e.${side.far})`;
  };
  const sides = sidesOf(request);
  const seen = last?.direction === 'out' ? sides.slice(0, 1) : sides;
  const rows = await tx.query<{ id: string }>(
    `${seen.map(listed).join(' UNION ')} LIMIT ${params.add(limits.cacheTagsMax)}`,
    params.values,
  );
  return rows.map((row) => row.id);
}

function within({ after, isWithoutLoops }: Side, { type }: NeighboursRequest, params: Parameters) {
  const conditions = [
    ...(type === undefined ? [] : [`AND e.type = ${params.add(type)}`]),
    ...(after === null
      ? []
      : [`AND (e.type, e.since) > (${after.map((part) => params.add(part))})`]),
    ...(isWithoutLoops ? ['AND e.source_id <> e.target_id'] : []),
  ];
  return conditions.join(' ');
}

function isNeighbour(row: NeighbourRow | Nobody): row is NeighbourRow {
  return row.direction !== null;
}
