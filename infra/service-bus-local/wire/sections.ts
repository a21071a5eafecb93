/**
 * The sections of an encoded message, found without decoding them.
 *
 *     [70 header] [71 delivery annotations] [72 message annotations]     the envelope: may be rewritten
 *     [73 properties] [74 application properties] [75|76|77 body …] [78 footer]     bare: stays as it is
 *
 * Each is `00` and its descriptor, then a value. Bodies are bytes as a rule, passed over in one step.
 */
import { type Typed, types } from './typed.ts';
import { malformed, valueEnd } from './value-end.ts';

export const sectionCodes = {
  header: 0x70,
  deliveryAnnotations: 0x71,
  messageAnnotations: 0x72,
  properties: 0x73,
  applicationProperties: 0x74,
  data: 0x75,
  sequence: 0x76,
  footer: 0x78,
} as const;

const lists = [0x45, 0xc0, 0xd0];
const maps = [0xc1, 0xd1];
const binaries = [0xa0, 0xb0];
/** What the value of a section may be; the one that is not here may be anything. */
const constructors: ReadonlyMap<number, readonly number[]> = new Map([
  [sectionCodes.header, lists],
  [sectionCodes.deliveryAnnotations, maps],
  [sectionCodes.messageAnnotations, maps],
  [sectionCodes.properties, lists],
  [sectionCodes.applicationProperties, maps],
  [sectionCodes.data, binaries],
  [sectionCodes.sequence, lists],
  [sectionCodes.footer, maps],
]);

export interface Section {
  readonly code: number;
  /** Where the section begins, where its value begins, and where both end. */
  readonly from: number;
  readonly valueFrom: number;
  readonly to: number;
}

/** All of them, in order. Throws a Refusal for bytes that are no message. */
export function sectionsOf(bytes: Buffer): readonly Section[] {
  const sections: Section[] = [];
  let last: number = sectionCodes.header;
  for (let from = 0; from < bytes.length; ) {
    const { code, valueFrom } = descriptorAt(bytes, from);
    const to = valueEnd(bytes, valueFrom);
    const isKnown = code >= sectionCodes.header && code <= sectionCodes.footer;
    const isOfType = constructors.get(code)?.includes(bytes[valueFrom]!) ?? true;
    if (!isKnown || !isOfType || code < last) throw malformed();
    sections.push({ code, from, valueFrom, to });
    // rhea, and so the Azure client, puts the footer before the body.
    if (code !== sectionCodes.footer) last = code;
    from = to;
  }
  return sections;
}

export function sectionWith(sections: readonly Section[], code: number): Section | undefined {
  return sections.find((section) => section.code === code);
}

/** Where the bare message begins. */
export function bareFrom(sections: readonly Section[], bytes: Buffer): number {
  const bare = sections.find(({ code }) => code >= sectionCodes.properties);
  return bare?.from ?? bytes.length;
}

/** Decodes a section's value. */
export function sectionValue(bytes: Buffer, { valueFrom, to }: Section): Typed {
  return new types.Reader(bytes.subarray(valueFrom, to)).read();
}

/** The bytes of a data section: one message of a batch. */
export function dataOf(bytes: Buffer, { valueFrom, to }: Section): Buffer {
  if (bytes[valueFrom] === 0xa0) return bytes.subarray(valueFrom + 2, to);
  if (bytes[valueFrom] === 0xb0) return bytes.subarray(valueFrom + 5, to);
  throw malformed();
}

function descriptorAt(bytes: Buffer, at: number) {
  if (bytes[at] === 0x00 && bytes[at + 1] === 0x53) {
    return { code: bytes[at + 2] ?? 0, valueFrom: at + 3 };
  }
  const isLong = bytes[at] === 0x00 && bytes[at + 1] === 0x80 && at + 10 <= bytes.length;
  if (!isLong || bytes.readUInt32BE(at + 2) !== 0) throw malformed();
  return { code: bytes.readUInt32BE(at + 6), valueFrom: at + 10 };
}
