/** A JSON value that is read piece by piece; what is wrong with it is gathered, with its place. */
export class Reading {
  readonly mistakes: string[] = [];

  /** An object with no other properties than these. */
  object(
    value: unknown,
    place: string,
    known: readonly string[],
  ): Readonly<Record<string, unknown>> {
    if (value === undefined) return {};
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#mistake(place, 'must be an object');
      return {};
    }
    for (const name of Object.keys(value)) {
      if (!known.includes(name)) this.#mistake(`${place}.${name}`, 'is not known');
    }
    return value as Record<string, unknown>;
  }

  list<T>(value: unknown, place: string, read: (item: unknown, place: string) => T): readonly T[] {
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.#mistake(place, 'must be a list');
      return [];
    }
    return value.map((item, at) => read(item, `${place}[${at}]`));
  }

  text(value: unknown, place: string): string {
    if (typeof value === 'string') return value;
    this.#mistake(place, 'must be a text');
    return '';
  }

  /** Letters, digits and `-._/`, as Azure allows. */
  name(value: unknown, place: string): string {
    const name = this.text(value, place);
    const isName = /^[A-Za-z0-9]([\w./-]{0,258}[A-Za-z0-9])?$/.test(name);
    if (typeof value === 'string' && !isName) {
      this.#mistake(place, 'must be letters, digits, - . _ and /, at most 260');
    }
    return name;
  }

  flag(value: unknown, place: string): boolean {
    if (value === undefined || typeof value === 'boolean') return value ?? false;
    this.#mistake(place, 'must be true or false');
    return false;
  }

  count(value: unknown, place: string, { otherwise, max }: { otherwise: number; max: number }) {
    if (value === undefined) return otherwise;
    if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max) {
      return value as number;
    }
    this.#mistake(place, `must be a whole number from 1 to ${max}`);
    return otherwise;
  }

  /** What the broker does not do must not be asked for; an empty text asks for nothing. */
  absent(value: unknown, place: string, instead: string): void {
    const isEmpty =
      value === undefined || value === '' || (typeof value === 'object' && !hasContent(value));
    if (!isEmpty) this.#mistake(place, `is not supported by the local broker: ${instead}`);
  }

  refuse(place: string, what: string): void {
    this.#mistake(place, what);
  }

  #mistake(place: string, what: string): void {
    this.mistakes.push(`${place} ${what}`);
  }
}

function hasContent(value: object | null): boolean {
  return Object.values(value ?? {}).some((each) => each !== undefined && each !== '');
}
