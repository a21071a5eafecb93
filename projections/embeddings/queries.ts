/**
 * What can be asked of the index, in a snapshot of the caller's that holds `indexViews` and the graph's.
 *
 * Q1: only the asking tenant's chunks are looked at (promise 9), of entities that the graph has at that
 * moment and in the version that they have. Q2: few candidates are compared one by one, which misses
 * none; among many, the index of vectors goes on looking until it has enough that the filter lets
 * through.
 */
import { type EmbedderModel, limits, type Queryable } from '#runtime';
import { liveGenerationOf } from '../bookkeeping.ts';
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

  /** The chunks that are nearest, best first. Ask for `reach` first: its state must be ready. */
  async nearest(tx: Queryable, request: NearestRequest): Promise<readonly Passage[]> {
    const { limit, tenantId, vector, where = () => null } = request;
    const live = await liveGenerationOf(tx, embeddingsProjection.name);
    if (live === undefined) return [];
    const params = new Parameters();
    const candidates: Candidates = {
      schema: schemaOf(embeddingsProjection, live.number),
      tenant: params.add(tenantId),
      where: where(params),
    };
    const isFew = await this.#isFew(tx, candidates, params);
    const distance = `(c.embedding <#> ${params.add(textOf(vector))}::vector)`;
    const few = isFew ? compared(candidates, distance) : walked(candidates, distance);
    return tx.query<Passage & Record<string, unknown>>(
      `WITH nearest AS MATERIALIZED (${few} LIMIT ${params.add(limit)})
       SELECT c.id AS "chunkId", c.entity_id AS "entityId", d.position, c.text,
              -c.distance AS similarity
         FROM nearest c JOIN ${candidates.schema}.document d
           ON d.tenant_id = ${candidates.tenant} AND d.id = c.entity_id
        ORDER BY c.distance, c.id`,
      params.values,
    );
  }

  /**
   * How far the index is, and of whose vectors. `rowsAt`: where the projector knew its rows to be, before
   * this snapshot was taken.
   */
  async reach(tx: Queryable, rowsAt = 0): Promise<IndexReach> {
    const [row] = await tx.query<ReachRow>(
      `SELECT m.name, m.version, m.dimensions, g.position,
              (SELECT min(since) FROM embeddings.document WHERE ${isPending}) AS since
         FROM embeddings.model m, cognisync.generation g
        WHERE g.projection = $1 AND g.is_live`,
      [embeddingsProjection.name],
    );
    if (row === undefined) return { position: 0, model: null, state: 'rebuilding' };
    const { name, version, dimensions, since } = row;
    const model = { name, version, dimensions };
    const position = completeUpTo(since, Math.max(row.position, rowsAt));
    const state = isSameModel(model, this.#model) ? 'ready' : 'rebuilding';
    return { position, model, state };
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

  /** Whether so few may be found that they are compared one by one; sets how far the index looks. */
  async #isFew(tx: Queryable, candidates: Candidates, { values }: Parameters): Promise<boolean> {
    const most = limits.comparedChunksMax;
    const { schema, tenant, where } = candidates;
    const counted =
      where === null ? `${schema}.chunk c WHERE c.tenant_id = ${tenant}` : joined(candidates);
    const [row] = await tx.query<{ count: number }>(
      `SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),
              set_config('hnsw.ef_search', '${walkedAtOnce}', true),
              set_config('hnsw.max_scan_tuples', '${walkedMax}', true),
              (SELECT count(*) FROM (SELECT FROM ${counted} LIMIT ${most} + 1) found) AS count`,
      values,
    );
    return row!.count <= most;
  }
}

interface ReachRow extends Record<string, unknown>, EmbedderModel {
  readonly position: number;
  readonly since: number | null;
}

/** Among what is looked for, before it is known how many there are. */
interface Candidates {
  readonly schema: string;
  readonly tenant: string;
  readonly where: string | null;
}

const columns = 'c.id, c.entity_id, c.text';

/** The distance as an expression that no index has an order for. */
function compared(candidates: Candidates, distance: string): string {
  return `SELECT ${columns}, ${distance} AS distance
            FROM ${joined(candidates)} AND ${isCurrent(candidates)} ORDER BY ${distance} + 0`;
}

/**
 * All conditions are subqueries, which are asked of one chunk after the other as the index hands them
 * out; of joins the planner expects so few rows that it would rather sort them.
 */
function walked(candidates: Candidates, distance: string): string {
  const { schema, tenant, where } = candidates;
  return `SELECT ${columns}, ${distance} AS distance FROM ${schema}.chunk c
           WHERE c.tenant_id = ${tenant} AND ${isCurrent(candidates)}
             AND (SELECT ${where ?? 'true'} FROM graph.node n
                   WHERE n.tenant_id = c.tenant_id AND n.id = c.entity_id)
           ORDER BY ${distance}`;
}

/** Chunks `c` of entities `n` that the graph has. */
function joined({ schema, tenant, where }: Candidates): string {
  return `${schema}.chunk c
    JOIN graph.node n ON n.tenant_id = c.tenant_id AND n.id = c.entity_id
   WHERE c.tenant_id = ${tenant} AND n.tenant_id = ${tenant} AND (${where ?? 'true'})`;
}

/** Of the version that its document has now. */
function isCurrent({ schema }: Candidates): string {
  return `(SELECT d.indexed = d.position FROM ${schema}.document d
            WHERE d.tenant_id = c.tenant_id AND d.id = c.entity_id)`;
}
