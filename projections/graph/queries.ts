/**
 * What can be asked of the graph. Every question is a tenant's (promise 9) and sees one state of it.
 *
 * Lists are paged by keys, never by offsets: an item that stays is shown exactly once, whatever comes
 * and goes between two pages.
 */
import type { EntityType, RelationshipType } from '#actors';
import { type ReadStore, RuntimeError } from '#runtime';
import { cursorOf, keyOfCursor } from '../cursor.ts';
import {
  assertLimit,
  assertText,
  type Entity,
  entityJson,
  notFound,
  type Page,
  type PageRequest,
  Parameters,
  pageOf,
  type Relationship,
  relationshipJson,
} from './answer.ts';
import { type Neighbourhood, neighbourhoodOf } from './neighbourhood.ts';
import { type Path, shortestPath } from './path.ts';
import { type Found, type SearchRequest, search } from './search.ts';

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

export class GraphQueries {
  readonly #store: ReadStore;

  constructor(store: ReadStore) {
    this.#store = store;
  }

  /** Throws NOT_FOUND. */
  async entity(tenantId: string, id: string): Promise<Entity> {
    assertText('id', id);
    const [row] = await this.#store.query<{ entity: Entity }>(
      `SELECT ${entityJson} AS entity FROM graph.node n WHERE n.tenant_id = $1 AND n.id = $2`,
      [tenantId, id],
    );
    if (row === undefined) throw notFound(id);
    return row.entity;
  }

  /** Entities by id, of one type or all. Throws REQUEST_INVALID. */
  async entities(
    tenantId: string,
    request: PageRequest & { readonly type?: EntityType },
  ): Promise<Page<Entity>> {
    const { cursor, limit, type } = request;
    assertLimit(limit);
    const params = new Parameters();
    const wanted = [`n.tenant_id = ${params.add(tenantId)}`];
    if (type !== undefined) wanted.push(`n.type = ${params.add(type)}`);
    if (cursor !== undefined) {
      const [id] = keyOfCursor(cursor, ['text']);
      wanted.push(`n.id > ${params.add(id)}`);
    }
    const rows = await this.#store.query<{ entity: Entity }>(
      `SELECT ${entityJson} AS entity FROM graph.node n WHERE ${wanted.join(' AND ')}
        ORDER BY n.id LIMIT ${params.add(limit + 1)}`,
      params.values,
    );
    return pageOf(
      rows,
      limit,
      ({ entity }) => entity,
      ({ entity }) => cursorOf([entity.id]),
    );
  }

  /**
   * Who is linked to an entity: outgoing first, then by type, then oldest link first. A link to itself
   * shows once, as outgoing. Throws NOT_FOUND, REQUEST_INVALID.
   */
  async neighbours(
    tenantId: string,
    id: string,
    request: NeighboursRequest,
  ): Promise<Page<Neighbour>> {
    assertText('id', id);
    assertLimit(request.limit);
    const { sql, values } = neighboursSql(tenantId, id, request);
    const rows = await this.#store.query<NeighbourRow | Nobody>(sql, values);
    if (rows.length === 0) throw notFound(id);
    return pageOf(
      rows.filter(isNeighbour),
      request.limit,
      ({ direction, relationship, entity }) => ({ direction, relationship, entity }),
      ({ direction, type, since }) => cursorOf([direction, type, since]),
    );
  }

  /**
   * Everything within `depth` links, whatever their direction, and the links among it; cut at
   * limits.neighbourhoodNodesMax, and then says so. Throws NOT_FOUND, REQUEST_INVALID (the depth).
   */
  async neighbourhood(tenantId: string, id: string, depth: number): Promise<Neighbourhood> {
    return neighbourhoodOf(this.#store, tenantId, id, depth);
  }

  /**
   * A shortest chain of links between two entities, whatever their direction; null where there is
   * none of up to limits.pathLengthMax. Throws NOT_FOUND, QUERY_TOO_LARGE (limits.pathVisitedMax).
   */
  async path(tenantId: string, from: string, to: string): Promise<Path | null> {
    return shortestPath(this.#store, tenantId, from, to);
  }

  /** Full-text search, best first. Throws REQUEST_INVALID. */
  async search(tenantId: string, request: SearchRequest): Promise<Page<Found>> {
    return search(this.#store, tenantId, request);
  }
}

/** What the outer join answers for an entity without neighbours. */
interface Nobody extends Record<string, unknown> {
  readonly direction: null;
}

function isNeighbour(row: NeighbourRow | Nobody): row is NeighbourRow {
  return row.direction !== null;
}

const directions = ['out', 'in'] as const;

function neighboursSql(tenantId: string, id: string, request: NeighboursRequest) {
  const params = new Parameters();
  const tenant = params.add(tenantId);
  const self = params.add(id);
  const limit = params.add(request.limit + 1);
  const ofType = request.type === undefined ? '' : `AND e.type = ${params.add(request.type)}`;
  const place =
    request.cursor === undefined ? null : keyOfCursor(request.cursor, ['text', 'text', 'integer']);
  const wanted = directions.filter((direction) => [direction, 'both'].includes(request.direction));
  const begun = place === null ? 0 : wanted.indexOf(place[0] as 'out' | 'in');
  if (begun < 0) throw new RuntimeError('REQUEST_INVALID', 'the cursor is not one of this list');

  const side = (direction: (typeof directions)[number]) => {
    const [near, far] =
      direction === 'out' ? ['source_id', 'target_id'] : ['target_id', 'source_id'];
    const once = direction === 'in' && request.direction === 'both';
    const after =
      place !== null && place[0] === direction
        ? `AND (e.type, e.since) > (${params.add(place[1])}, ${params.add(place[2])})`
        : '';
    return `(SELECT '${direction}' AS direction, e.type, e.since,
                    ${relationshipJson} AS relationship, ${entityJson} AS entity
               FROM graph.edge e
               JOIN graph.node n ON n.tenant_id = e.tenant_id AND n.id = e.${far}
              WHERE e.tenant_id = ${tenant} AND e.${near} = ${self} ${ofType} ${after}
                    ${once ? 'AND e.source_id <> e.target_id' : ''}
              ORDER BY e.type, e.since LIMIT ${limit})`;
  };
  const pages = wanted.slice(begun).map(side).join(' UNION ALL ');
  const sql = `
    SELECT page.* FROM graph.node self
      LEFT JOIN LATERAL (SELECT * FROM (${pages}) sides
                          ORDER BY direction DESC, type, since LIMIT ${limit}) page ON true
     WHERE self.tenant_id = ${tenant} AND self.id = ${self}
     ORDER BY page.direction DESC, page.type, page.since`;
  return { sql, values: params.values };
}
