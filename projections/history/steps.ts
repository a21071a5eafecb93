/**
 * Who was there at a position and who was linked to whom, from the steps up to it.
 *
 * Each is a probe of an index for one last step, in a scalar subquery on purpose: of a join the planner
 * may make a pass over all steps of all time.
 */
import type { Queryable } from '#runtime';
import { Parameters } from '../graph/answer.ts';
import type { NeighboursRequest } from '../graph/neighbours.ts';
import { type Side, sidesOf } from '../graph/side.ts';

/** Whose past, and up to where. */
export interface Place {
  readonly tenantId: string;
  readonly position: number;
}

/** A neighbour by its ids. */
export interface NeighbourKey extends Record<string, unknown> {
  readonly direction: 'out' | 'in';
  readonly type: string;
  readonly since: number;
  readonly linkId: string;
  readonly farId: string;
}

// $1 and $2 of every statement are the tenant and the position.

const isPresent = (entityId: string) => `coalesce((
  SELECT p.is_present FROM history.presence p
   WHERE p.tenant_id = $1 AND p.entity_id = ${entityId} AND p.position <= $2
   ORDER BY p.position DESC LIMIT 1), false)`;

/** Whether row `l` of history.link is the last word on its relationship, and that it holds. */
const holds = `l.tenant_id = $1 AND l.is_active AND l.position <= $2 AND l.position = (
  SELECT max(s.position) FROM history.link s
   WHERE s.tenant_id = $1 AND s.link_id = l.link_id AND s.position <= $2)`;

export async function wasPresent(tx: Queryable, place: Place, id: string): Promise<boolean> {
  const params = parametersOf(place);
  const rows = await tx.query<{ present: boolean }>(
    `SELECT ${isPresent(params.add(id))} AS present`,
    params.values,
  );
  return rows[0]!.present;
}

/** A page of an entity's neighbours and one more, as GraphQueries.neighbours lists them. */
export function neighboursAt(
  tx: Queryable,
  place: Place,
  id: string,
  request: NeighboursRequest,
): Promise<readonly NeighbourKey[]> {
  const params = parametersOf(place);
  const self = params.add(id);
  const limit = params.add(request.limit + 1);
  const ofType = request.type === undefined ? '' : `AND l.type = ${params.add(request.type)}`;

  const listed = ({ direction, near, far, isWithoutLoops, after }: Side) =>
    `(SELECT '${direction}' AS direction, l.type, l.position AS since, l.link_id AS "linkId",
             l.${far} AS "farId"
        FROM history.link l
       WHERE l.${near} = ${self} AND ${holds} AND ${isPresent(`l.${far}`)} ${ofType}
             ${after === null ? '' : `AND (l.type, l.position) > (${after.map((part) => params.add(part))})`}
             ${isWithoutLoops ? 'AND l.source_id <> l.target_id' : ''}
       ORDER BY l.type, l.position LIMIT ${limit})`;
  return tx.query<NeighbourKey>(
    `SELECT * FROM (${sidesOf(request).map(listed).join(' UNION ALL ')}) sides
      ORDER BY direction DESC, type, since LIMIT ${limit}`,
    params.values,
  );
}

/** Where one step led from any of `from`, as `stepsFrom` of the graph answers it. */
export function stepsAt(
  tx: Queryable,
  place: Place,
  from: readonly string[],
  options: { readonly except: readonly string[]; readonly limit: number },
): Promise<readonly { readonly far: string }[]> {
  const params = parametersOf(place);
  const near = params.add(from);
  const except = params.add(options.except);
  return tx.query<{ far: string }>(
    `SELECT DISTINCT far FROM (
       SELECT l.target_id AS far FROM history.link l
        WHERE l.source_id = ANY(${near}::text[]) AND ${holds}
       UNION ALL
       SELECT l.source_id FROM history.link l
        WHERE l.target_id = ANY(${near}::text[]) AND ${holds}) step
      WHERE NOT far = ANY(${except}::text[]) AND ${isPresent('far')}
      ORDER BY far LIMIT ${params.add(options.limit)}`,
    params.values,
  );
}

/** The relationships among entities that were there, oldest first. */
export async function linksAmong(
  tx: Queryable,
  place: Place,
  ids: readonly string[],
  limit: number,
): Promise<readonly string[]> {
  const params = parametersOf(place);
  const ends = params.add(ids);
  const rows = await tx.query<{ linkId: string }>(
    `SELECT l.link_id AS "linkId" FROM history.link l
      WHERE l.source_id = ANY(${ends}::text[]) AND l.target_id = ANY(${ends}::text[]) AND ${holds}
      ORDER BY l.position LIMIT ${params.add(limit)}`,
    params.values,
  );
  return rows.map(({ linkId }) => linkId);
}

function parametersOf({ tenantId, position }: Place): Parameters {
  const params = new Parameters();
  params.add(tenantId);
  params.add(position);
  return params;
}
