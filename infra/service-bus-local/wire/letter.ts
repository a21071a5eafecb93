/**
 * A message as it came in: its bytes, and what the broker reads of them to route it. Properties are
 * decoded when something asks; the body never is.
 */
import type { PropertyValue, Subject, SystemProperty } from '../filter/subject.ts';
import { isUnsigned } from './envelope.ts';
import { type Section, sectionCodes, sectionsOf, sectionValue, sectionWith } from './sections.ts';
import type { Typed } from './typed.ts';
import { types } from './typed.ts';

/** Places in the properties section. */
const places = {
  messageid: 0,
  to: 2,
  label: 3,
  replyto: 4,
  correlationid: 5,
  contenttype: 6,
  sessionid: 10,
  replytosessionid: 12,
} as const satisfies Record<SystemProperty, number>;

const ttlPlace = 2;
const scheduledKey = 'x-opt-scheduled-enqueue-time';
/** What a client sends where it means no header. */
const emptyList = 0x45;

export class Letter implements Subject {
  readonly bytes: Buffer;
  readonly #sections: readonly Section[];
  readonly #properties: readonly (Typed | null)[];
  #user: ReadonlyMap<string, PropertyValue> | null = null;

  /** Throws a Refusal for bytes that are no message. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#sections = sectionsOf(bytes);
    this.#properties = this.#list(sectionCodes.properties);
  }

  get messageId(): string | null {
    return this.#text('messageid');
  }

  get sessionId(): string | null {
    return this.#text('sessionid');
  }

  /** Milliseconds; null where the sender did not say. */
  get timeToLiveMs(): number | null {
    const ttl = this.#list(sectionCodes.header)[ttlPlace]?.value;
    return isUnsigned(ttl, 32) ? ttl : null;
  }

  /** Milliseconds since the epoch; null where it is to arrive at once. */
  get scheduledAt(): number | null {
    const annotations = sectionWith(this.#sections, sectionCodes.messageAnnotations);
    if (annotations === undefined || isEmptyMap(this.bytes, annotations)) return null;
    const at = entriesOf(sectionValue(this.bytes, annotations)).get(scheduledKey);
    return at instanceof Date && !Number.isNaN(at.getTime()) ? at.getTime() : null;
  }

  system(name: SystemProperty): PropertyValue {
    return this.#text(name) ?? undefined;
  }

  user(lowerName: string): PropertyValue {
    this.#user ??= this.#userProperties();
    return this.#user.get(lowerName);
  }

  /** Ids may be strings, numbers, UUIDs or bytes; they are compared as text. */
  #text(name: SystemProperty): string | null {
    const value = this.#properties[places[name]]?.value ?? null;
    if (value === null || typeof value === 'string') return value;
    return Buffer.isBuffer(value) ? value.toString('hex') : String(value);
  }

  #list(code: number): readonly (Typed | null)[] {
    const section = sectionWith(this.#sections, code);
    if (section === undefined || this.bytes[section.valueFrom] === emptyList) return [];
    const { value } = sectionValue(this.bytes, section);
    return Array.isArray(value) ? value : [];
  }

  #userProperties(): ReadonlyMap<string, PropertyValue> {
    const section = sectionWith(this.#sections, sectionCodes.applicationProperties);
    if (section === undefined) return new Map();
    const entries = entriesOf(sectionValue(this.bytes, section));
    return new Map([...entries].map(([name, value]) => [name.toLowerCase(), value]));
  }
}

/** The entries of a map, with plain values. */
function entriesOf(map: Typed): ReadonlyMap<string, PropertyValue> {
  const entries = new Map<string, PropertyValue>();
  if (!types.is_map(map)) return entries;
  const flat = map.value as readonly Typed[];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const value = types.unwrap(flat[at + 1]!, true) as PropertyValue | null;
    entries.set(String(flat[at]!.value), value ?? undefined);
  }
  return entries;
}

function isEmptyMap(bytes: Buffer, { valueFrom, to }: Section): boolean {
  // Constructor, size and count, and nothing else: `c1 01 00` or `d1 00000004 00000000`.
  return to - valueFrom === (bytes[valueFrom] === 0xc1 ? 3 : 9);
}
