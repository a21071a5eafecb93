/**
 * Generations in Maps: the reference for every store, with the same guards and the same pure folds.
 *
 * Nothing but microtasks, so that a simulation can hold it still. The object is the disk: keep it over
 * the restarts of a simulated node. There is no lock: the next `begin` takes a build that such a node left
 * behind, or drops it; its builder, should it still live, learns that from its next `apply`.
 */
import { createHash } from 'node:crypto';
import { type KeyedRow, keyOf, patchedRow, type RowChange } from '#projections';
import {
  type ChangeBatch,
  type Checksum,
  type GenerationState,
  type GenerationStatus,
  type Generations,
  type JointPromotionOptions,
  type Promotion,
  type PromotionOptions,
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
  /** Another one where another builder goes on with it. */
  number: number;
  readonly version: number;
  readonly tables: Tables;
  position: number;
}

export class MemoryGenerations<Change, Tables> implements Generations<Change> {
  readonly #plan: MemoryPlan<Change, Tables>;
  #live: Generation<Tables> | null = null;
  #building: Generation<Tables> | null = null;
  #kept: Generation<Tables> | null = null;
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

  async begin(head?: number): Promise<Sink<Change>> {
    const left = this.#building;
    const isUsable = left !== null && left.position > 0 && left.position <= (head ?? 0);
    if (isUsable && left.version === this.#plan.version) left.number = ++this.#lastNumber;
    else this.#building = this.#make();
    return this.#sinkOf(this.#building!);
  }

  async complete(sink: Sink<Change>): Promise<void> {
    await sink.position();
  }

  async promote(
    sink: Sink<Change>,
    { beside = [], ...options }: JointPromotionOptions = {},
  ): Promise<void> {
    const own = this.promotion(sink, options);
    const all = [own, ...beside.map((other) => inMemory(other, own.name))];
    // All are found before one is swapped, and nobody reads in between.
    const swaps = all.map((promotion) => promotion.found());
    for (const swap of swaps) swap();
  }

  promotion(sink: Sink<Change>, { keepsOld = false }: PromotionOptions = {}): MemoryPromotion {
    return new MemoryPromotion(this.#plan.name, () => {
      const next = [this.#building, this.#kept].find((one) => one?.number === sink.generation);
      if (next == null) throw this.#gone(sink.generation);
      return () => this.#swap(next, keepsOld);
    });
  }

  async leave(): Promise<void> {
    // Nothing is locked.
  }

  async discard(sink: Sink<Change>): Promise<void> {
    if (this.#building?.number === sink.generation) this.#building = null;
  }

  async kept(): Promise<Sink<Change> | null> {
    if (this.#kept === null) return null;
    const { version } = this.#kept;
    if (version === this.#plan.version) return this.#sinkOf(this.#kept);
    throw new RuntimeError(
      'PROJECTION_OUTDATED',
      `version ${version} of ${this.#plan.name} built the kept generation`,
    );
  }

  async list(): Promise<readonly GenerationStatus[]> {
    const all: readonly (readonly [GenerationState, Generation<Tables> | null])[] = [
      ['live', this.#live],
      ['kept', this.#kept],
      ['building', this.#building],
    ];
    return all
      .flatMap(([state, generation]) => {
        if (generation === null) return [];
        const { number, version, position } = generation;
        return [{ number, version, position, state }];
      })
      .sort((a, b) => a.number - b.number);
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

  #swap(next: Generation<Tables>, keepsOld: boolean): void {
    const before = this.#live;
    if (next === this.#building) this.#building = null;
    this.#kept = keepsOld ? before : null;
    this.#live = next;
    const reached = before?.position ?? 0;
    if (next.position > reached) this.#plan.announce?.(next.tables, reached, next.position);
  }

  #sinkOf(generation: Generation<Tables>): Sink<Change> {
    const { number } = generation;
    const state = this.#stateOf(generation);
    const present = () => {
      if (generation.number === number && this.#stateOf(generation) === state) return generation;
      throw this.#gone(number);
    };
    return {
      generation: number,
      position: async () => present().position,
      apply: async (batch) => this.#apply(present(), batch),
      checksum: async () => this.#checksum(present()),
    };
  }

  #stateOf(generation: Generation<Tables>): GenerationState | null {
    if (generation === this.#live) return 'live';
    if (generation === this.#building) return 'building';
    return generation === this.#kept ? 'kept' : null;
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

class MemoryPromotion implements Promotion {
  readonly name: string;
  /** Finds the generation, and answers what makes it live. Throws READ_STORE_UNAVAILABLE. */
  readonly found: () => () => void;

  constructor(name: string, found: () => () => void) {
    this.name = name;
    this.found = found;
  }
}

function inMemory(promotion: Promotion, name: string): MemoryPromotion {
  if (promotion instanceof MemoryPromotion) return promotion;
  const why = `the rows of ${name} and ${promotion.name} are not in one store`;
  throw new RuntimeError('REQUEST_INVALID', why);
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
