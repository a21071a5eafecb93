/**
 * What can be asked of the graph. Every question is a tenant's (promise 9) and sees one state of it.
 *
 * Lists are paged by keys, never by offsets: an item that stays is shown exactly once, whatever comes
 * and goes between two pages.
 */
import type { EntityType } from '#actors';
import type { ReadStore } from '#runtime';
import { cursorOf, keyOfCursor } from '../cursor.ts';
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
} from './answer.ts';
import { type Neighbourhood, neighbourhoodOf } from './neighbourhood.ts';
import {
  type Neighbour,
  type NeighboursRequest,
  neighbourRows,
  neighboursPage,
} from './neighbours.ts';
import { type Path, shortestPath } from './path.ts';
import { type Found, type SearchRequest, search } from './search.ts';

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
    return neighboursPage(await neighbourRows(this.#store, tenantId, id, request), request.limit);
  }

  /**
   * Everything within `depth` links, whatever their direction, and the links among it; cut at
   * limits.neighbourhoodNodesMax, and then says so. Throws NOT_FOUND, REQUEST_INVALID (the depth).
   */
  async neighbourhood(tenantId: string, id: string, depth: number): Promise<Neighbourhood> {
    const walked = await inSnapshot(this.#store, (tx) => neighbourhoodOf(tx, tenantId, id, depth));
    return walked.neighbourhood;
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
