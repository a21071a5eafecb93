/**
 * Counts what happens too often to be recorded one by one: how many of the same there were, since when,
 * and when the last one was. Holds no more than so many different ones; what comes beyond is counted
 * without name and address, so that a flood of invented names fills nothing.
 */
import type { AuditRecord } from '../ports/audit.ts';

export class AuditCounts {
  readonly #most: number;
  #counted = new Map<string, AuditRecord>();

  constructor(most: number) {
    this.#most = most;
  }

  add(one: AuditRecord): void {
    const key = keyOf(one);
    if (this.#counted.has(key) || this.#counted.size < this.#most) {
      this.#count(key, one);
    } else {
      const { from: _, ...rest } = one;
      const nameless = { ...rest, who: 'others' };
      this.#count(keyOf(nameless), nameless);
    }
  }

  /** What was counted, oldest first; counting begins anew. */
  take(): readonly AuditRecord[] {
    const taken = [...this.#counted.values()];
    this.#counted = new Map();
    return taken;
  }

  #count(key: string, one: AuditRecord): void {
    const { count, since } = this.#counted.get(key) ?? { count: 0, since: one.at };
    this.#counted.set(key, { ...one, count: count! + 1, since: since! });
  }
}

function keyOf({ kind, who, action, outcome, code, from }: AuditRecord): string {
  return JSON.stringify([kind, who, action, outcome, code, from]);
}
