/**
 * The tables of the process manager, and what a batch leaves in the outbox.
 *
 * The outbox does not hold commands but announcements, from which outbox.ts makes the commands page by
 * page: a deleted entity with 100,000 relationships is one row. An announcement is a range of links by
 * their place in the log, told of all their ends or of one:
 *
 *     entity_id null    links proposed in (after, until]: told of whatever is known of their ends
 *     entity_id given   links of that entity proposed up to `until`: told of that entity
 */
import type { Queryable } from '#runtime';
import type { Plan } from '../plan.ts';
import { digestedOf, keyColumns, keyDefinition, type Table, type TableEffects } from '../table.ts';
import type { LinkChange } from './change.ts';
import { LinksFold } from './fold.ts';
import { linksProjection } from './projection.ts';

const cause = 'recorded_at text NOT NULL, correlation_id text, event_id text NOT NULL';

function tables(schema: string): readonly string[] {
  return [
    `CREATE TABLE ${schema}.link (
       ${keyDefinition},
       source_id text COLLATE "C" NOT NULL,
       target_id text COLLATE "C" NOT NULL,
       revision  bigint NOT NULL,
       since     bigint NOT NULL,
       ${cause},
       PRIMARY KEY (tenant_id, id))`,
    `CREATE TABLE ${schema}.presence (
       ${keyDefinition},
       present  boolean NOT NULL,
       revision bigint NOT NULL,
       position bigint NOT NULL,
       ${cause},
       PRIMARY KEY (tenant_id, id))`,
  ];
}

function indexes(schema: string): readonly string[] {
  return [
    `CREATE INDEX IF NOT EXISTS link_source ON ${schema}.link (tenant_id, source_id, since)`,
    `CREATE INDEX IF NOT EXISTS link_target ON ${schema}.link (tenant_id, target_id, since)`,
    `CREATE INDEX IF NOT EXISTS link_since ON ${schema}.link (since)`,
    `CREATE INDEX IF NOT EXISTS presence_position ON ${schema}.presence (position)`,
  ];
}

const causeColumns = [
  { field: 'recordedAt', name: 'recorded_at', type: 'text' },
  { field: 'correlationId', name: 'correlation_id', type: 'text' },
  { field: 'eventId', name: 'event_id', type: 'text' },
];

const link: Table = {
  name: 'link',
  columns: [
    ...keyColumns,
    { field: 'sourceId', name: 'source_id', type: 'text' },
    { field: 'targetId', name: 'target_id', type: 'text' },
    { field: 'revision', name: 'revision', type: 'bigint' },
    { field: 'since', name: 'since', type: 'bigint' },
    ...causeColumns,
  ],
};

const presence: Table = {
  name: 'presence',
  columns: [
    ...keyColumns,
    { field: 'present', name: 'present', type: 'boolean' },
    { field: 'revision', name: 'revision', type: 'bigint' },
    { field: 'position', name: 'position', type: 'bigint' },
    ...causeColumns,
  ],
};

class StoredLinksFold extends LinksFold {
  get effects(): readonly TableEffects[] {
    return [
      { table: link, effects: this.links },
      { table: presence, effects: this.presences },
    ];
  }
}

/** Each pair of a link and an end is announced once: with the later of the two. */
async function announce(tx: Queryable, schema: string, from: number, to: number): Promise<void> {
  const linked = (end: string) => `EXISTS (
    SELECT FROM ${schema}.link l
     WHERE l.tenant_id = p.tenant_id AND l.${end} = p.id AND l.since <= $1)`;
  await tx.query(
    `INSERT INTO cognisync.outbox (tenant_id, entity_id, after_since, until_since)
     SELECT NULL, NULL, $1::bigint, $2::bigint
      WHERE EXISTS (SELECT FROM ${schema}.link WHERE since > $1 AND since <= $2)`,
    [from, to],
  );
  await tx.query(
    `INSERT INTO cognisync.outbox (tenant_id, entity_id, after_since, until_since)
     SELECT p.tenant_id, p.id, 0, $1::bigint FROM ${schema}.presence p
      WHERE p.position > $1 AND p.position <= $2
        AND (${linked('source_id')} OR ${linked('target_id')})
      ORDER BY p.position`,
    [from, to],
  );
}

export const linksPlan: Plan<LinkChange> = {
  name: linksProjection.name,
  version: linksProjection.version,
  tables,
  indexes,
  views: (schema) => ({
    link: `SELECT * FROM ${schema}.link`,
    presence: `SELECT * FROM ${schema}.presence`,
  }),
  digested: digestedOf([link, presence]),
  fold: () => new StoredLinksFold(),
  announce,
};
