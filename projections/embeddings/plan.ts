/**
 * The tables of the index.
 *
 *     document   what the projection writes, and beside it how far the index has followed:
 *                `indexed`, the position of the version whose chunks are in, and `failure`
 *     chunk      what the filler writes: passages with their vectors, all of that one version
 *     model      one row: whose vectors these are
 *
 * A document is pending while `indexed < position`; nothing else says so, so none can be forgotten.
 * Readers see no chunk of one that is: what was changed or deleted is not found from the moment in which
 * that is in the rows. A chunk does not say of which version it is, so that one which stays the same in
 * the next is not written again, and its place in the index of vectors neither.
 */
import type { EmbedderModel } from '#runtime';
import { Effects, keyOf } from '../effect.ts';
import type { Fold, Plan } from '../plan.ts';
import { keyColumns, keyDefinition, type Table, type TableEffects } from '../table.ts';
import type { DocumentChange, DocumentRow } from './change.ts';
import { embeddingsProjection } from './projection.ts';

/** On a row of `document`: its chunks are not those of its text. */
export const isPending = 'indexed < position';

/**
 * The index position: all text up to there is in. `since` is the least of pending documents, null where
 * none is pending; `rowsAt` how far the rows are.
 */
export function completeUpTo(since: number | null, rowsAt: number): number {
  return since === null ? rowsAt : since - 1;
}

/** The views that a reader of the index holds. */
export const indexViews = ['embeddings.document', 'embeddings.chunk', 'embeddings.model'] as const;

export function embeddingsPlan(model: EmbedderModel): Plan<DocumentChange> {
  return {
    name: embeddingsProjection.name,
    version: embeddingsProjection.version,
    tables: (schema) => tables(schema, model),
    indexes,
    views,
    digested: { document: ['properties', 'is_deleted', 'position'] },
    fold: () => new DocumentFold(),
  };
}

function tables(schema: string, { name, version, dimensions }: EmbedderModel): readonly string[] {
  return [
    `CREATE TABLE ${schema}.document (
       ${keyDefinition},
       properties jsonb NOT NULL,
       is_deleted boolean NOT NULL,
       position   bigint NOT NULL,
       since      bigint NOT NULL,
       indexed    bigint NOT NULL DEFAULT 0,
       failure    text,
       PRIMARY KEY (tenant_id, id))`,
    `CREATE TABLE ${schema}.chunk (
       ${keyDefinition},
       entity_id text COLLATE "C" NOT NULL,
       ord       integer NOT NULL,
       text      text NOT NULL,
       hash      uuid NOT NULL,
       embedding vector(${dimensions}) NOT NULL,
       PRIMARY KEY (tenant_id, id))`,
    // Those that are compared one by one are read where they stand; the text is what is moved out.
    `ALTER TABLE ${schema}.chunk ALTER COLUMN embedding SET STORAGE MAIN`,
    `CREATE INDEX chunk_entity ON ${schema}.chunk (tenant_id, entity_id, ord)`,
    `CREATE INDEX chunk_hash ON ${schema}.chunk (tenant_id, hash)`,
    `CREATE TABLE ${schema}.model AS
       SELECT ${literal(name)} AS name, ${literal(version)} AS version, ${dimensions} AS dimensions`,
  ];
}

function indexes(schema: string): readonly string[] {
  return [
    `CREATE INDEX IF NOT EXISTS document_pending ON ${schema}.document (since) WHERE ${isPending}`,
    `CREATE INDEX IF NOT EXISTS document_failed ON ${schema}.document (position)
       WHERE failure IS NOT NULL`,
  ];
}

function views(schema: string): Readonly<Record<string, string>> {
  return {
    document: `SELECT * FROM ${schema}.document WHERE NOT is_deleted`,
    chunk: `SELECT c.*, d.position FROM ${schema}.chunk c
              JOIN ${schema}.document d ON d.tenant_id = c.tenant_id AND d.id = c.entity_id
             WHERE d.indexed = d.position`,
    model: `SELECT * FROM ${schema}.model`,
  };
}

const document: Table = {
  name: 'document',
  columns: [
    ...keyColumns,
    { field: 'properties', name: 'properties', type: 'jsonb' },
    { field: 'isDeleted', name: 'is_deleted', type: 'boolean' },
    { field: 'position', name: 'position', type: 'bigint' },
    { field: 'since', name: 'since', type: 'bigint', keptWhere: 't.indexed < t.position' },
  ],
};

/** Of several changes of a document the last word, and since when it is no longer what it was. */
class DocumentFold implements Fold<DocumentChange> {
  readonly #documents = new Effects<DocumentRow>();
  readonly #since = new Map<string, number>();

  get weight(): number {
    return this.#documents.weight;
  }

  add(changes: readonly DocumentChange[]): void {
    for (const change of changes) {
      if (change.kind === 'drop') continue;
      const key = keyOf(change);
      const own = change.kind === 'put' ? change.row.since : change.fields.since!;
      const since = this.#since.get(key) ?? own;
      this.#since.set(key, since);
      this.#documents.add(
        change.kind === 'put'
          ? { ...change, row: { ...change.row, since } }
          : { ...change, fields: { ...change.fields, since } },
      );
    }
  }

  get effects(): readonly TableEffects[] {
    return [{ table: document, effects: this.#documents }];
  }
}

/** A string of SQL, for statements that take no parameters. */
function literal(text: string): string {
  return `${text.includes('\\') ? 'E' : ''}'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'::text`;
}
