/**
 * Last-writer-wins registers, one per property, and how a write meets them.
 */
import { limits, RuntimeError, sameJson } from '#runtime';
import { isFrom, isNewer, type Stamp } from './stamp.ts';

export type Properties = Readonly<Record<string, unknown>>;

export interface Register<Value = unknown> {
  readonly value: Value;
  readonly stamp: Stamp;
}

export type Registers = Readonly<Record<string, Register>>;

/** What a write changes: new values, and values that were only said again. */
export interface Delta {
  readonly changed: Properties;
  readonly confirmed: readonly string[];
}

/** What a write of `properties` at `stamp` does to the registers. */
export function deltaOf(registers: Registers, properties: Properties, stamp: Stamp): Delta {
  const changed: Record<string, unknown> = {};
  const confirmed: string[] = [];
  for (const name of Object.keys(properties)) {
    const register = own(registers, name);
    if (!isNewer(stamp, register?.stamp)) continue;
    const value = properties[name];
    if (register !== undefined && sameJson(register.value, value)) confirmed.push(name);
    else changed[name] = value;
  }
  return { changed, confirmed };
}

/** The registers after a delta at `stamp`. */
export function withDelta(registers: Registers, delta: Delta, stamp: Stamp): Registers {
  const next: Record<string, Register> = { ...registers };
  for (const name of Object.keys(delta.changed)) {
    next[name] = { value: delta.changed[name], stamp };
  }
  for (const name of delta.confirmed) {
    const register = own(registers, name);
    if (register !== undefined) next[name] = { value: register.value, stamp };
  }
  return next;
}

/** The registers that a tombstone at `stamp` leaves: those written after it. */
export function survivors(registers: Registers, stamp: Stamp): Registers {
  const next: Record<string, Register> = {};
  for (const [name, register] of Object.entries(registers)) {
    if (register.stamp > stamp) next[name] = register;
  }
  return next;
}

/** The values alone, by name. */
export function valuesOf(registers: Registers): Properties {
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(registers)) values[name] = registers[name]!.value;
  return values;
}

export function isEmpty(properties: Properties): boolean {
  for (const _ in properties) return false;
  return true;
}

/** Whether any register's last write came from this message. */
export function hasWriteFrom(registers: Registers, messageId: string): boolean {
  for (const name of Object.keys(registers)) {
    if (isFrom(registers[name]!.stamp, messageId)) return true;
  }
  return false;
}

/** A register by name; names come from outside, so `toString` must not find the prototype's. */
export function own<Value>(
  record: Readonly<Record<string, Value>>,
  name: string,
): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/**
 * Refuses a write that would leave an actor with more than limits.propertiesMax registers
 * (STATE_TOO_LARGE). Asked before the chart is, since a guard must not throw.
 */
export function assertRoom(registers: Registers, properties: Properties): void {
  const names = Object.keys(registers);
  const added = Object.keys(properties).filter((name) => own(registers, name) === undefined);
  const count = names.length + added.length;
  if (added.length === 0 || count <= limits.propertiesMax) return;
  throw new RuntimeError(
    'STATE_TOO_LARGE',
    `the actor would have ${count} properties, more than ${limits.propertiesMax}`,
    { data: { properties: count } },
  );
}
