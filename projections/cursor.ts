/**
 * Where the next page begins: the sort key of the last item, as one opaque word.
 *
 * A cursor is only a place in an order. Tenant and filters come with each request, so a forged or
 * borrowed one can show nothing that its user may not see.
 */
import { RuntimeError } from '#runtime';

interface Parts {
  text: string;
  integer: number;
  real: number;
}

const isPart: { readonly [Part in keyof Parts]: (value: unknown) => boolean } = {
  text: (value) => typeof value === 'string' && !value.includes('\0'),
  integer: Number.isSafeInteger,
  real: Number.isFinite,
};

/** base64url of the key's JSON. */
export function cursorOf(key: readonly (string | number)[]): string {
  const bytes = new TextEncoder().encode(JSON.stringify(key));
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The key in a cursor, of the given shape. Throws REQUEST_INVALID for what `cursorOf` did not make. */
export function keyOfCursor<const Shape extends readonly (keyof Parts)[]>(
  cursor: string,
  shape: Shape,
): { readonly [I in keyof Shape]: Parts[Shape[I]] } {
  const key = decoded(cursor);
  const isKey =
    Array.isArray(key) &&
    key.length === shape.length &&
    shape.every((part, index) => isPart[part](key[index]));
  if (!isKey) throw new RuntimeError('REQUEST_INVALID', 'the cursor is not one of this list');
  return key as never;
}

function decoded(cursor: string): unknown {
  try {
    const binary = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // Neither base64 nor UTF-8 nor JSON: no key, and refused as such.
    return null;
  }
}
