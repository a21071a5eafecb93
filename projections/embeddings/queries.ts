/**
 * What can be asked of the index, in a snapshot of the caller's that holds `indexViews` and the graph's.
 *
 * Q1: only the asking tenant's chunks are looked at (promise 9), of entities that the graph has at that
 * moment and in the version that they have. Q2: few candidates are compared one by one, which misses
 * none; among many, the index of vectors goes on looking until it has enough that the filter lets
 * through.
 */
import { type EmbedderModel, limits, type Queryable } from '#runtime';
import { Parameters } from '../graph/answer.ts';
import { schemaOf } from '../schema.ts';
import { isSameModel } from './model.ts';
import { completeUpTo, isPending } from './plan.ts';
import { embeddingsProjection } from './projection.ts';
import { textOf } from './vectors.ts';

/** A chunk that was found. */
export interface Passage {
  readonly chunkId: string;
  readonly entityId: string;
  /** Of the event whose text this is. */
  readonly position: number;
  readonly text: string;
  /** Cosine: 1 for the same direction. */
  readonly similarity: number;
}

export interface NearestRequest {
  /** The live one, as `reach` tells it. */
  readonly generation: number;
  readonly tenantId: string;
  /** Of this model, of length 1. */
  readonly vector: Float32Array;
  readonly limit: number;
  /** A predicate on row `n` of graph.node, its values added to the parameters; null: no filter. */
  readonly where?: (params: Parameters) => string | null;
}

export interface IndexReach {
  /** All text up to here is in the index. */
  readonly position: number;
  /** Whose vectors these are; null while there is no index. */
  readonly model: EmbedderModel | null;
  /** The number of the live one; null while there is no index. */
  readonly generation: number | null;
  /** Rebuilding: of another model than this node's; it must not be asked. */
  readonly state: 'ready' | 'rebuilding';
}

export interface IndexStanding extends IndexReach {
  /** Documents whose text is not in yet. */
  readonly pending: number;
  /** Documents of which the model refuses something. */
  readonly failed: number;
}

export interface IndexedChunk {
  readonly entityId: string;
  readonly text: string;
  readonly position: number;
  /** Its number in its document, from 0. */
  readonly ord: number;
}

/** Candidates that the index of vectors keeps while it walks, and looks at in the end, at most. */
const walkedAtOnce = 200;
const walkedMax = 40_000;

export class IndexQueries {
  readonly #model: EmbedderModel;

  constructor(model: EmbedderModel) {
    this.#model = model;
  }

  /** The chunks that are nearest, best first. Ask for `reach` first, in this snapshot: it must be ready. */
  async nearest(tx: Queryable, request: NearestRequest): Promise<readonly Passage[]> {
    const { generation, limit, tenantId, vector, where = () => null } = request;
    const params = new Parameters();
    const asked: Asked = {
      schema: schemaOf(embeddingsProjection, generation),
      tenant: params.add(tenantId),
      where: where(params),
      distance: `(c.embedding <#> ${params.add(textOf(vector))}::vector)`,
      limit: params.add(limit),
    };
    if (asked.where !== null || (await isSmall(tx, asked.schema, tenantId))) {
      const rows = await tx.query<FewRow>(amongFew(asked), params.values);
      if (rows[0]!.isFew) {
        return rows.flatMap(({ isFew: _, ...found }) => (found.chunkId === null ? [] : [found]));
      }
    }
    return tx.query<PassageRow>(walked(asked), params.values);
  }

  /**
   * How far the index is, and of whose vectors. `rowsAt`: where the projector knew its rows to be, before
   * this snapshot was taken.
   */
  async reach(tx: Queryable, rowsAt = 0): Promise<IndexReach> {
    const [row] = await tx.query<ReachRow>(
      `SELECT m.name, m.version, m.dimensions, g.number AS generation, g.position,
              (SELECT min(since) FROM embeddings.document WHERE ${isPending}) AS since
         FROM embeddings.model m, cognisync.generation g
        WHERE g.projection = $1 AND g.is_live`,
      [embeddingsProjection.name],
    );
    if (row === undefined) {
      return { position: 0, model: null, generation: null, state: 'rebuilding' };
    }
    const { name, version, dimensions, generation, since } = row;
    const model = { name, version, dimensions };
    const position = completeUpTo(since, Math.max(row.position, rowsAt));
    const state = isSameModel(model, this.#model) ? 'ready' : 'rebuilding';
    return { position, model, generation, state };
  }

  /** With what has to be counted: 30 ms at 50,000 documents, where `reach` takes one. */
  async standing(tx: Queryable, rowsAt = 0): Promise<IndexStanding> {
    const reach = await this.reach(tx, rowsAt);
    const [counts] = await tx.query<{ pending: number; failed: number }>(
      `SELECT count(*) FILTER (WHERE ${isPending}) AS pending, count(failure) AS failed
         FROM embeddings.document WHERE ${isPending} OR failure IS NOT NULL`,
    );
    return { ...reach, ...counts! };
  }

  /** A chunk by its name; null where there is none, or its text has changed since. */
  async chunk(tx: Queryable, tenantId: string, chunkId: string): Promise<IndexedChunk | null> {
    const [chunk] = await tx.query<IndexedChunk & Record<string, unknown>>(
      `SELECT entity_id AS "entityId", text, position, ord
         FROM embeddings.chunk WHERE tenant_id = $1 AND id = $2`,
      [tenantId, chunkId],
    );
    return chunk ?? null;
  }
}

interface ReachRow extends Record<string, unknown>, EmbedderModel {
  readonly generation: number;
  readonly position: number;
  readonly since: number | null;
}

type PassageRow = Passage & Record<string, unknown>;
/** Without a passage where none is found, or too many may be. */
type FewRow = (PassageRow | { readonly chunkId: null }) & { readonly isFew: boolean };

/** What is looked for, as SQL. */
interface Asked {
  readonly schema: string;
  readonly tenant: string;
  readonly where: string | null;
  readonly distance: string;
  readonly limit: string;
}

const columns = 'c.id, c.entity_id, c.text';

/** How far the index of vectors looks in this transaction. */
const lookingFar = `set_config('hnsw.iterative_scan', 'relaxed_order', true),
  set_config('hnsw.ef_search', '${walkedAtOnce}', true),
  set_config('hnsw.max_scan_tuples', '${walkedMax}', true)`;

/** Whether all of a tenant may be compared. That is known at once, where a list of it would take 2 ms. */
async function isSmall(tx: Queryable, schema: string, tenantId: string): Promise<boolean> {
  const most = limits.comparedChunksMax;
  const [row] = await tx.query<{ isFew: boolean }>(
    `SELECT count(*) <= ${most} AS "isFew", ${lookingFar}
       FROM (SELECT FROM ${schema}.chunk c WHERE c.tenant_id = $1 LIMIT ${most} + 1) counted`,
    [tenantId],
  );
  return row!.isFew;
}

/**
 * Compares what may be found one by one, by a distance as no index has an order for it; of more than are
 * compared it says so, and has set how far the index looks. The filter, which is what takes long, is asked
 * once: the list of those that it lets through is kept while they are counted and compared.
 */
function amongFew(asked: Asked): string {
  const { distance, limit, schema, tenant, where } = asked;
  const most = limits.comparedChunksMax;
  const isShown = `EXISTS (SELECT FROM graph.node n WHERE n.tenant_id = ${tenant} AND n.id = c.entity_id)`;
  const [listed, left] =
    where === null
      ? [`${schema}.chunk c WHERE c.tenant_id = ${tenant}`, isShown]
      : [
          `${schema}.chunk c JOIN graph.node n ON n.tenant_id = c.tenant_id AND n.id = c.entity_id
            WHERE c.tenant_id = ${tenant} AND n.tenant_id = ${tenant} AND (${where})`,
          'true',
        ];
  return `WITH candidate AS MATERIALIZED (SELECT c.entity_id, c.ord FROM ${listed} LIMIT ${most} + 1),
     counted AS MATERIALIZED (
       SELECT count(*) <= ${most} AS "isFew", ${lookingFar} FROM candidate),
     nearest AS MATERIALIZED (
       SELECT ${columns}, ${distance} AS distance
         FROM candidate f JOIN ${schema}.chunk c
           ON c.tenant_id = ${tenant} AND c.entity_id = f.entity_id AND c.ord = f.ord
        WHERE (SELECT "isFew" FROM counted) AND ${left} AND ${isCurrent(asked)}
        ORDER BY ${distance} + 0 LIMIT ${limit})
     SELECT counted."isFew", p.*
       FROM counted LEFT JOIN (${passages(asked)}) p ON true ORDER BY p.similarity DESC, p."chunkId"`;
}

/**
 * The nearest as the index of vectors hands them out. All conditions are subqueries, which are asked of one
 * chunk after the other; of joins the planner expects so few rows that it would rather sort them.
 */
function walked(asked: Asked): string {
  const { distance, limit, schema, tenant, where } = asked;
  return `WITH nearest AS MATERIALIZED (
       SELECT ${columns}, ${distance} AS distance FROM ${schema}.chunk c
        WHERE c.tenant_id = ${tenant} AND ${isCurrent(asked)}
          AND (SELECT ${where ?? 'true'} FROM graph.node n
                WHERE n.tenant_id = c.tenant_id AND n.id = c.entity_id)
        ORDER BY ${distance} LIMIT ${limit})
     SELECT * FROM (${passages(asked)}) p ORDER BY similarity DESC, "chunkId"`;
}

function passages({ schema, tenant }: Asked): string {
  return `SELECT c.id AS "chunkId", c.entity_id AS "entityId", d.position, c.text,
                 -c.distance AS similarity
            FROM nearest c JOIN ${schema}.document d ON d.tenant_id = ${tenant} AND d.id = c.entity_id`;
}

/** Of the version that its document has now. */
function isCurrent({ schema }: Asked): string {
  return `(SELECT d.indexed = d.position FROM ${schema}.document d
            WHERE d.tenant_id = c.tenant_id AND d.id = c.entity_id)`;
}
