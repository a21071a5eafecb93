/**
 * Reads a delivery's bytes and picks values out of the tree that they hold.
 *
 * Bodies are documented in part and junk comes with them, so nothing here throws for a value of the
 * wrong type: it is as if it were not there, and the extractors decide what they cannot do without.
 * Only own properties count: a changelog item has a property called `toString`, and every object in
 * JavaScript has one that was never sent.
 */
import { limits, RuntimeError } from '#runtime';

export type JsonObject = Readonly<Record<string, unknown>>;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A delivery's body. Throws MESSAGE_TOO_LARGE above limits.messageBytesMax, MESSAGE_NOT_JSON, and
 * WEBHOOK_INVALID for JSON that no source sends: no object, deeper than limits.jsonDepthMax, or with a
 * key `__proto__`.
 */
export function parseBody(body: Uint8Array): JsonObject {
  if (body.byteLength > limits.messageBytesMax) {
    throw new RuntimeError(
      'MESSAGE_TOO_LARGE',
      `the delivery has ${body.byteLength} bytes, more than ${limits.messageBytesMax}`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(body));
  } catch (cause) {
    throw new RuntimeError(
      'MESSAGE_NOT_JSON',
      `the delivery is not JSON in UTF-8: ${(cause as Error).message}`,
      { cause },
    );
  }
  const fault = faultOf(value);
  if (fault !== null) throw new RuntimeError('WEBHOOK_INVALID', fault);
  return value as JsonObject;
}

/** Level by level, so that no depth of nesting can exhaust the stack. */
function faultOf(root: unknown): string | null {
  if (!isObject(root)) return 'the body is no JSON object';
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limits.jsonDepthMax) return `the body is nested deeper than ${limits.jsonDepthMax}`;
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue;
      if (Object.hasOwn(value, '__proto__')) return 'the body has a key __proto__';
      for (const child of Array.isArray(value) ? value : Object.values(value)) next.push(child);
    }
    level = next;
  }
  return null;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of own properties; undefined where the path ends early. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const name of path) {
    if (!isObject(here) || !Object.hasOwn(here, name)) return undefined;
    here = here[name];
  }
  return here;
}

export function objectAt(value: unknown, ...path: readonly string[]): JsonObject | undefined {
  const found = at(value, ...path);
  return isObject(found) ? found : undefined;
}

export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** A string as it was sent, however long; empty ones count as absent. */
export function stringAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

export function numberAt(value: unknown, ...path: readonly string[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : undefined;
}

export function flagAt(value: unknown, ...path: readonly string[]): boolean | undefined {
  const found = at(value, ...path);
  return typeof found === 'boolean' ? found : undefined;
}
