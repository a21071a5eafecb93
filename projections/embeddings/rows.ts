/**
 * What the filler reads and writes in the schema of one generation.
 *
 * W1: a document's chunks are replaced in one transaction with the word that they are in, and only where it
 * is still at the position that they were cut from; its row is locked until then. W2: whoever changes
 * documents is never waited for, so that two that lock several can't wait for each other.
 */
import { limits, type Queryable, type ReadStore } from '#runtime';
import { keyOfRow } from '../effect.ts';
import type { DocumentRow } from './change.ts';
import { type Chunk, chunkIdOf } from './chunk.ts';
import { isPending } from './plan.ts';

export type PendingDocument = Omit<DocumentRow, 'since'>;

/** A vector in pgvector's text. */
export type VectorText = string;

/** A text of a tenant; vectors are never looked for in another one. */
export interface Embeddable {
  readonly tenantId: string;
  readonly hash: string;
}

/** A document whose chunks can be written. */
export interface Settled {
  readonly document: PendingDocument;
  readonly chunks: readonly { readonly chunk: Chunk; readonly vector: VectorText }[];
  /** What of it is not in the index, and why; null: it is all there. */
  readonly failure: string | null;
}

export function keyOfText({ tenantId, hash }: Embeddable): string {
  return `${tenantId}/${hash}`;
}

/** Those that have waited longest, within the bounds of a round; at least one where any is pending. */
export async function pendingDocuments(
  store: Queryable,
  schema: string,
): Promise<readonly PendingDocument[]> {
  const rows = await store.query<PendingDocument & Record<string, unknown>>(
    `WITH longest AS MATERIALIZED (
       SELECT *, length(properties::text) AS chars FROM ${schema}.document
        WHERE ${isPending} ORDER BY since LIMIT $1),
     summed AS (
       SELECT *, sum(chars) OVER (ORDER BY since, tenant_id, id) - chars AS before FROM longest)
     SELECT tenant_id AS "tenantId", id, properties, is_deleted AS "isDeleted", position
       FROM summed WHERE before <= $2`,
    [limits.indexedDocumentsMax, limits.indexedCharsMax],
  );
  return rows;
}

/** The vectors that are there already, by `keyOfText`. */
export async function storedVectors(
  store: Queryable,
  schema: string,
  wanted: readonly Embeddable[],
): Promise<ReadonlyMap<string, VectorText>> {
  if (wanted.length === 0) return new Map();
  const rows = await store.query<Embeddable & { vector: VectorText } & Record<string, unknown>>(
    `SELECT DISTINCT ON (c.tenant_id, c.hash)
            c.tenant_id AS "tenantId", c.hash::text AS hash, c.embedding::text AS vector
       FROM unnest($1::text[], $2::uuid[]) AS w(tenant_id, hash)
       JOIN ${schema}.chunk c ON c.tenant_id = w.tenant_id AND c.hash = w.hash`,
    [wanted.map(({ tenantId }) => tenantId), wanted.map(({ hash }) => hash)],
  );
  return new Map(rows.map((row) => [keyOfText(row), row.vector]));
}

/** Replaces the chunks of those documents that nobody has changed since; the others stay pending. */
export async function writeChunks(
  store: ReadStore,
  schema: string,
  all: readonly Settled[],
): Promise<void> {
  for (const lot of lotsOf(all)) await store.transaction((tx) => writeLot(tx, schema, lot));
}

async function writeLot(tx: Queryable, schema: string, lot: readonly Settled[]): Promise<void> {
  const locked = await tx.query<{ tenantId: string; id: string }>(
    `SELECT d.tenant_id AS "tenantId", d.id
       FROM jsonb_to_recordset($1::jsonb) AS v("tenantId" text, id text, position bigint)
       JOIN ${schema}.document d
         ON d.tenant_id = v."tenantId" AND d.id = v.id AND d.position = v.position
        FOR UPDATE OF d SKIP LOCKED`,
    [JSON.stringify(lot.map(versionOf))],
  );
  const keys = new Set(locked.map(keyOfRow));
  const documents = lot.filter(({ document }) => keys.has(keyOfRow(document)));
  if (documents.length === 0) return;
  await tx.query(putChunks(schema), [JSON.stringify(documents.flatMap(rowsOf))]);
  const versions = JSON.stringify(documents.map(versionOf));
  await tx.query(
    `DELETE FROM ${schema}.chunk c
      USING jsonb_to_recordset($1::jsonb) AS v("tenantId" text, id text, ords integer[])
      WHERE c.tenant_id = v."tenantId" AND c.entity_id = v.id AND NOT c.ord = ANY(v.ords)`,
    [versions],
  );
  await tx.query(
    `UPDATE ${schema}.document d SET indexed = v.position, failure = v.failure
       FROM jsonb_to_recordset($1::jsonb)
         AS v("tenantId" text, id text, position bigint, failure text)
      WHERE d.tenant_id = v."tenantId" AND d.id = v.id`,
    [versions],
  );
}

function versionOf({ document, chunks, failure }: Settled): object {
  const { tenantId, id, position } = document;
  return { tenantId, id, position, failure, ords: chunks.map(({ chunk }) => chunk.ord) };
}

function rowsOf({ document, chunks }: Settled): readonly object[] {
  const { tenantId, id: entityId } = document;
  return chunks.map(({ chunk: { ord, text, hash }, vector }) => {
    return { tenantId, id: chunkIdOf(entityId, ord), entityId, ord, text, hash, vector };
  });
}

/** One that stays as it is is not touched. */
function putChunks(schema: string): string {
  return `INSERT INTO ${schema}.chunk AS t
      (tenant_id, id, entity_id, ord, text, hash, embedding)
    SELECT c."tenantId", c.id, c."entityId", c.ord, c.text, c.hash, c.vector::vector
      FROM jsonb_to_recordset($1::jsonb)
        AS c("tenantId" text, id text, "entityId" text, ord integer, text text, hash uuid,
             vector text)
    ON CONFLICT (tenant_id, id) DO UPDATE
      SET text = excluded.text, hash = excluded.hash, embedding = excluded.embedding
      WHERE (t.hash, t.text) <> (excluded.hash, excluded.text)`;
}

/** Documents of limits.indexedChunksMax chunks together, or one that alone has more. */
function* lotsOf(all: readonly Settled[]): Generator<readonly Settled[]> {
  let lot: Settled[] = [];
  let count = 0;
  for (const one of all) {
    if (lot.length > 0 && count + one.chunks.length > limits.indexedChunksMax) {
      yield lot;
      lot = [];
      count = 0;
    }
    lot.push(one);
    count += one.chunks.length;
  }
  if (lot.length > 0) yield lot;
}
