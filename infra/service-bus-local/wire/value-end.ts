/**
 * Where an encoded AMQP value ends, after it has been seen to be well-formed all the way down.
 *
 * Whoever decodes it later, here or in the client, can rely on it: every type is known, every length
 * fits, nothing nests deeper or counts longer than sense. A message that makes its receiver fail in
 * decoding would come again for ever.
 */
import { conditions, Refusal } from '../core/refusal.ts';

/** Properties are flat, filters and rules three deep. */
const depthMax = 32;
/** Elements without bytes of their own (an array of nulls), which a length does not bound. */
const emptyElementsMax = 1024;

/** Bytes of a value after its constructor, by type; the variable ones say it themselves. */
const fixedWidths: Readonly<Record<number, number>> = {
  ...{ 64: 0, 65: 0, 66: 0, 67: 0, 68: 0, 69: 0 }, // null true false uint0 ulong0 list0
  ...{ 80: 1, 81: 1, 82: 1, 83: 1, 84: 1, 85: 1, 86: 1 }, // ubyte byte smalluint … boolean
  ...{ 96: 2, 97: 2 }, // ushort short
  ...{ 112: 4, 113: 4, 114: 4, 115: 4, 116: 4 }, // uint int float char decimal32
  ...{ 128: 8, 129: 8, 130: 8, 131: 8, 132: 8 }, // ulong long double timestamp decimal64
  ...{ 148: 16, 152: 16 }, // decimal128 uuid
};
const variable = new Set([0xa0, 0xa1, 0xa3, 0xb0, 0xb1, 0xb3]);
const compound = new Set([0xc0, 0xc1, 0xd0, 0xd1]);
const array = new Set([0xe0, 0xf0]);

/** Throws a Refusal. The value, with its constructor, begins at `at` and ends at `limit` at most. */
export function valueEnd(bytes: Buffer, at: number, limit = bytes.length, depth = 0): number {
  if (at >= limit || depth > depthMax) throw malformed();
  if (bytes[at] === 0) {
    return valueEnd(bytes, valueEnd(bytes, at + 1, limit, depth + 1), limit, depth + 1);
  }
  return bodyEnd(bytes[at]!, bytes, at + 1, limit, depth);
}

export function malformed(): Refusal {
  return new Refusal(conditions.decodeError, 'The bytes sent are no AMQP message.');
}

/** Where a value of a type ends that begins, without its constructor, at `at`. */
function bodyEnd(code: number, bytes: Buffer, at: number, limit: number, depth: number): number {
  const width = fixedWidths[code];
  if (width !== undefined) return within(at + width, limit);
  if (!variable.has(code) && !compound.has(code) && !array.has(code)) throw malformed();
  const sizeBytes = (code & 0x10) === 0 ? 1 : 4;
  const from = within(at + sizeBytes, limit);
  const end = within(from + bytes.readUIntBE(at, sizeBytes), limit);
  if (variable.has(code)) return end;
  const first = within(from + sizeBytes, end);
  const count = bytes.readUIntBE(from, sizeBytes);
  if (compound.has(code)) return listEnd(count, bytes, first, end, depth);
  return arrayEnd(count, bytes, first, end, depth);
}

function listEnd(count: number, bytes: Buffer, first: number, end: number, depth: number): number {
  let at = first;
  for (let index = 0; index < count; index += 1) at = valueEnd(bytes, at, end, depth + 1);
  if (at !== end) throw malformed();
  return end;
}

function arrayEnd(count: number, bytes: Buffer, first: number, end: number, depth: number): number {
  let at = first;
  if (bytes[at] === 0) at = valueEnd(bytes, at + 1, end, depth + 1);
  const code = bytes[within(at, end - 1)]!;
  at += 1;
  if (fixedWidths[code] === 0 && count > emptyElementsMax) throw malformed();
  for (let index = 0; index < count; index += 1) at = bodyEnd(code, bytes, at, end, depth + 1);
  if (at !== end) throw malformed();
  return end;
}

function within(at: number, limit: number): number {
  if (at > limit) throw malformed();
  return at;
}
