/** AMQP's type system, as rhea encodes and decodes it; its own declarations leave half of it out. */
import rhea from 'rhea';

/** A value with its AMQP type, as it stood on the wire. */
export interface Typed {
  readonly value: unknown;
  readonly descriptor?: Typed;
}

interface Reader {
  read(): Typed;
}

interface Writer {
  write(typed: unknown): void;
  toBuffer(): Buffer;
}

type Wrap = (value: unknown) => Typed;

interface Types {
  readonly Reader: new (bytes: Uint8Array) => Reader;
  readonly Writer: new () => Writer;
  readonly wrap: Wrap;
  readonly wrap_string: Wrap;
  readonly wrap_symbol: Wrap;
  readonly wrap_int: Wrap;
  readonly wrap_long: Wrap;
  readonly wrap_ulong: Wrap;
  readonly wrap_timestamp: Wrap;
  readonly wrap_uuid: Wrap;
  readonly wrap_list: Wrap;
  readonly wrap_map: Wrap;
  wrap_array(values: readonly unknown[], typecode: number): Typed;
  described(descriptor: Typed, value: Typed): Typed;
  unwrap(typed: Typed, leavesDescribed?: boolean): unknown;
  is_map(typed: Typed): boolean;
  is_string(typed: Typed): boolean;
}

export const types = rhea.types as unknown as Types;
export const typecodes = { long: 0x81, timestamp: 0x83 } as const;
