/**
 * The graph's tables.
 *
 * Text is indexed with the configuration `simple`: no stemming and no stop words. A team's pages come
 * in several languages, often in one sentence with keys and names; the stemmer of one language mangles
 * the rest, and `simple` finds exactly what stands there. Likeness of meaning is for the embeddings.
 *
 * The search column holds one lexeme more, the tenant, which no text can contain (control character):
 * the index then finds a word of one tenant without walking the word in all of them.
 */
import type { Plan } from '../plan.ts';
import { digestedOf, keyColumns, keyDefinition, type Table, type TableEffects } from '../table.ts';
import type { GraphChange } from './change.ts';
import { GraphFold } from './fold.ts';
import { graphProjection } from './projection.ts';

/** Before the tenant's name in its lexeme. */
export const tenantMark = '\u0001';

/** Properties that name an entity, most weight; and the one with its text. */
export const headings = ['key', 'title', 'name', 'summary'];

/**
 * Code points of headings and text that are indexed. A tsvector holds 1 MiB, and PostgreSQL fails the
 * statement above. Worst measured are hyphened words of one 4-byte letter, 8 bytes a code point, and
 * by the rules of the format none can cost more than 12: (8 + 56) Ki × 12 = 768 KiB.
 */
const headingCharsMax = 8 * 1024;
const textCharsMax = 56 * 1024;

/**
 * Text as it is searched and quoted: cut, and with blanks for underscores. PostgreSQL's parser splits
 * words there anyway, but takes quadratic time for a run of them: 20 s for 56 Ki of `a_a_a_…`.
 */
export function searchable(expression: string, charsMax: number = textCharsMax): string {
  return `replace(left(${expression}, ${charsMax}), '_', ' ')`;
}

const heading = headings.map((name) => `coalesce(properties->>'${name}', '')`).join(" || ' ' || ");
export const searchableHeading = searchable(heading, headingCharsMax);
/** Null where there is none, which costs nothing. */
export const searchableText = searchable("properties->>'text'");
/** All of it, to be quoted. */
export const searchableWhole = `concat_ws(' ', ${searchableHeading}, ${searchableText})`;

const search = `
  array_to_tsvector(ARRAY[chr(1) || tenant_id])
  || setweight(to_tsvector('simple', ${searchableHeading}), 'A')
  || coalesce(to_tsvector('simple', ${searchableText}), ''::tsvector)`;

function tables(schema: string): readonly string[] {
  return [
    `CREATE TABLE ${schema}.node (
       ${keyDefinition},
       type       text COLLATE "C" NOT NULL,
       properties jsonb NOT NULL,
       source     jsonb NOT NULL,
       confidence text NOT NULL,
       importance text NOT NULL,
       revision   bigint NOT NULL,
       position   bigint NOT NULL,
       created_at text NOT NULL,
       updated_at text NOT NULL,
       search     tsvector GENERATED ALWAYS AS (${search}) STORED,
       PRIMARY KEY (tenant_id, id))`,
    `CREATE TABLE ${schema}.edge (
       ${keyDefinition},
       type       text COLLATE "C" NOT NULL,
       source_id  text COLLATE "C" NOT NULL,
       target_id  text COLLATE "C" NOT NULL,
       properties jsonb NOT NULL,
       confidence text NOT NULL,
       strength   double precision NOT NULL,
       revision   bigint NOT NULL,
       position   bigint NOT NULL,
       since      bigint NOT NULL,
       PRIMARY KEY (tenant_id, id))`,
  ];
}

function indexes(schema: string): readonly string[] {
  return [
    `CREATE INDEX IF NOT EXISTS node_type ON ${schema}.node (tenant_id, type, id)`,
    `CREATE INDEX IF NOT EXISTS node_search ON ${schema}.node USING gin (search)`,
    `CREATE INDEX IF NOT EXISTS edge_out ON ${schema}.edge (tenant_id, source_id, type, since)`,
    `CREATE INDEX IF NOT EXISTS edge_in ON ${schema}.edge (tenant_id, target_id, type, since)`,
  ];
}

/** An edge shows only while both its ends do, whatever its actor has been told so far. */
function views(schema: string): Readonly<Record<string, string>> {
  const exists = (end: string) =>
    `EXISTS (SELECT FROM ${schema}.node n WHERE n.tenant_id = e.tenant_id AND n.id = e.${end})`;
  return {
    node: `SELECT * FROM ${schema}.node`,
    edge: `SELECT e.* FROM ${schema}.edge e WHERE ${exists('source_id')} AND ${exists('target_id')}`,
  };
}

const node: Table = {
  name: 'node',
  columns: [
    ...keyColumns,
    { field: 'type', name: 'type', type: 'text' },
    { field: 'properties', name: 'properties', type: 'jsonb' },
    { field: 'source', name: 'source', type: 'jsonb' },
    { field: 'confidence', name: 'confidence', type: 'text' },
    { field: 'importance', name: 'importance', type: 'text' },
    { field: 'revision', name: 'revision', type: 'bigint' },
    { field: 'position', name: 'position', type: 'bigint' },
    { field: 'createdAt', name: 'created_at', type: 'text' },
    { field: 'updatedAt', name: 'updated_at', type: 'text' },
  ],
};

const edge: Table = {
  name: 'edge',
  columns: [
    ...keyColumns,
    { field: 'type', name: 'type', type: 'text' },
    { field: 'sourceId', name: 'source_id', type: 'text' },
    { field: 'targetId', name: 'target_id', type: 'text' },
    { field: 'properties', name: 'properties', type: 'jsonb' },
    { field: 'confidence', name: 'confidence', type: 'text' },
    { field: 'strength', name: 'strength', type: 'double precision' },
    { field: 'revision', name: 'revision', type: 'bigint' },
    { field: 'position', name: 'position', type: 'bigint' },
    { field: 'since', name: 'since', type: 'bigint' },
  ],
};

class StoredGraphFold extends GraphFold {
  get effects(): readonly TableEffects[] {
    return [
      { table: node, effects: this.nodes },
      { table: edge, effects: this.edges },
    ];
  }
}

export const graphPlan: Plan<GraphChange> = {
  name: graphProjection.name,
  version: graphProjection.version,
  tables,
  indexes,
  views,
  digested: digestedOf([node, edge]),
  fold: () => new StoredGraphFold(),
};
