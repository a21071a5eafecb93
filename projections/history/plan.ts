/** The tables of the history. */
import { Effects } from '../effect.ts';
import type { Fold, Plan } from '../plan.ts';
import { digestedOf, keyColumns, keyDefinition, type Table, type TableEffects } from '../table.ts';
import type { HistoryChange, LinkStep, PresenceStep } from './change.ts';
import { historyProjection } from './projection.ts';

function tables(schema: string): readonly string[] {
  return [
    `CREATE TABLE ${schema}.presence (
       ${keyDefinition},
       entity_id  text COLLATE "C" NOT NULL,
       is_present boolean NOT NULL,
       position   bigint NOT NULL,
       PRIMARY KEY (tenant_id, id))`,
    `CREATE TABLE ${schema}.link (
       ${keyDefinition},
       link_id   text COLLATE "C" NOT NULL,
       is_active boolean NOT NULL,
       type      text COLLATE "C",
       source_id text COLLATE "C",
       target_id text COLLATE "C",
       position  bigint NOT NULL,
       PRIMARY KEY (tenant_id, id))`,
  ];
}

function indexes(schema: string): readonly string[] {
  return [
    `CREATE INDEX IF NOT EXISTS presence_step ON ${schema}.presence (tenant_id, entity_id, position)`,
    `CREATE INDEX IF NOT EXISTS link_step ON ${schema}.link (tenant_id, link_id, position)`,
    `CREATE INDEX IF NOT EXISTS link_out ON ${schema}.link (tenant_id, source_id, type, position)
       WHERE is_active`,
    `CREATE INDEX IF NOT EXISTS link_in ON ${schema}.link (tenant_id, target_id, type, position)
       WHERE is_active`,
  ];
}

const presence: Table = {
  name: 'presence',
  columns: [
    ...keyColumns,
    { field: 'entityId', name: 'entity_id', type: 'text' },
    { field: 'isPresent', name: 'is_present', type: 'boolean' },
    { field: 'position', name: 'position', type: 'bigint' },
  ],
};

const link: Table = {
  name: 'link',
  columns: [
    ...keyColumns,
    { field: 'linkId', name: 'link_id', type: 'text' },
    { field: 'isActive', name: 'is_active', type: 'boolean' },
    { field: 'type', name: 'type', type: 'text' },
    { field: 'sourceId', name: 'source_id', type: 'text' },
    { field: 'targetId', name: 'target_id', type: 'text' },
    { field: 'position', name: 'position', type: 'bigint' },
  ],
};

class HistoryFold implements Fold<HistoryChange> {
  readonly #presences = new Effects<PresenceStep>();
  readonly #links = new Effects<LinkStep>();

  get weight(): number {
    return this.#presences.weight + this.#links.weight;
  }

  add(changes: readonly HistoryChange[]): void {
    for (const { of, change } of changes) {
      if (of === 'presence') this.#presences.add(change);
      else this.#links.add(change);
    }
  }

  get effects(): readonly TableEffects[] {
    return [
      { table: presence, effects: this.#presences },
      { table: link, effects: this.#links },
    ];
  }
}

export const historyPlan: Plan<HistoryChange> = {
  name: historyProjection.name,
  version: historyProjection.version,
  tables,
  indexes,
  views: (schema) => ({
    presence: `SELECT * FROM ${schema}.presence`,
    link: `SELECT * FROM ${schema}.link`,
  }),
  digested: digestedOf([presence, link]),
  fold: () => new HistoryFold(),
};
