/**
 * Generations in Maps: the reference for every store, with the same guards and the same pure folds.
 *
 * Nothing but microtasks, so that a simulation can hold it still. The object is the disk: keep it over
 * the restarts of a simulated node. A build that such a node left behind is dropped by the next `begin`;
 * a builder whose generation was dropped so learns it from its next `apply`.
 */
import { createHash } from 'node:crypto';
import { type KeyedRow, keyOf, patchedRow, type RowChange } from '#projections';
import {
  type ChangeBatch,
  type Checksum,
  type Generations,
  RuntimeError,
  type Sink,
} from '#runtime';

/** Rows by key. */
export type MemoryTable<Row extends KeyedRow> = Map<string, Row>;

export interface MemoryPlan<Change, Tables> {
  readonly name: string;
  readonly version: number;
  empty(): Tables;
  /** Folds the changes, then writes; throws before it has written anything. */
  apply(tables: Tables, changes: readonly Change[]): void;
  /** All rows by table, for digests. */
  rows(tables: Tables): Readonly<Record<string, Iterable<KeyedRow>>>;
  /** See Plan.announce. */
  announce?(tables: Tables, from: number, to: number): void;
}

interface Generation<Tables> {
  readonly number: number;
  readonly version: number;
  readonly tables: Tables;
  position: number;
}

export class MemoryGenerations<Change, Tables> implements Generations<Change> {
  readonly #plan: MemoryPlan<Change, Tables>;
  #live: Generation<Tables> | null = null;
  #building: Generation<Tables> | null = null;
  #lastNumber = 0;

  constructor(plan: MemoryPlan<Change, Tables>) {
    this.#plan = plan;
  }

  /** What readers see. */
  get tables(): Tables {
    return this.#liveOrNew().tables;
  }

  async live(): Promise<{ readonly sink: Sink<Change>; readonly version: number }> {
    const live = this.#liveOrNew();
    return { sink: this.#sinkOf(live), version: live.version };
  }

  async begin(): Promise<Sink<Change>> {
    this.#building = this.#make();
    return this.#sinkOf(this.#building);
  }

  async promote(sink: Sink<Change>): Promise<void> {
    const next = this.#building;
    if (next?.number !== sink.generation) throw this.#gone(sink.generation);
    const reached = this.#live?.position ?? 0;
    this.#live = next;
    this.#building = null;
    if (next.position > reached) this.#plan.announce?.(next.tables, reached, next.position);
  }

  async discard(sink: Sink<Change>): Promise<void> {
    if (this.#building?.number === sink.generation) this.#building = null;
  }

  #liveOrNew(): Generation<Tables> {
    this.#live ??= this.#make();
    return this.#live;
  }

  #make(): Generation<Tables> {
    this.#lastNumber += 1;
    const { version } = this.#plan;
    return { number: this.#lastNumber, version, tables: this.#plan.empty(), position: 0 };
  }

  #sinkOf(generation: Generation<Tables>): Sink<Change> {
    return {
      generation: generation.number,
      position: async () => this.#present(generation).position,
      apply: async (batch) => this.#apply(this.#present(generation), batch),
      checksum: async () => this.#checksum(this.#present(generation)),
    };
  }

  #present(generation: Generation<Tables>): Generation<Tables> {
    if (generation === this.#live || generation === this.#building) return generation;
    throw this.#gone(generation.number);
  }

  #apply(generation: Generation<Tables>, { changes, from, to }: ChangeBatch<Change>): number {
    if (generation.position !== from) return generation.position;
    this.#plan.apply(generation.tables, changes);
    generation.position = to;
    if (generation === this.#live) this.#plan.announce?.(generation.tables, from, to);
    return to;
  }

  #checksum({ position, tables }: Generation<Tables>): Checksum {
    const hash = createHash('sha256');
    let rows = 0;
    for (const [table, all] of Object.entries(this.#plan.rows(tables))) {
      for (const row of [...all].sort(byKey)) {
        hash.update(canonicalJson([table, row]));
        rows += 1;
      }
    }
    return { rows, digest: hash.digest('hex'), position };
  }

  #gone(number: number): RuntimeError {
    return new RuntimeError(
      'READ_STORE_UNAVAILABLE',
      `generation ${number} of ${this.#plan.name} was replaced or dropped`,
    );
  }
}

/** Writes net effects into a table. */
export function applyEffects<Row extends KeyedRow>(
  table: MemoryTable<Row>,
  effects: Iterable<RowChange<Row>>,
): void {
  for (const effect of effects) {
    const key = keyOf(effect);
    const row = table.get(key);
    if (effect.kind === 'drop') table.delete(key);
    else if (effect.kind === 'put') table.set(key, effect.row);
    else if (row !== undefined) table.set(key, patchedRow(row, effect));
  }
}

function byKey(a: KeyedRow, b: KeyedRow): number {
  return a.tenantId === b.tenantId ? order(a.id, b.id) : order(a.tenantId, b.tenantId);
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** JSON with sorted names, so that equal values have equal text. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => order(a, b)))
      : part,
  );
}
