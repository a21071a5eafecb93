/**
 * A value that must not be printed: a log line, a message or an inspection shows that there is one and
 * nothing more. Whoever really needs it says so with `reveal`.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }
}
