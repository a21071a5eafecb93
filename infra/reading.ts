/**
 * Reads variables of an environment and gathers what is wrong with them, so that a wrong configuration
 * is told in one message. An empty variable counts as absent.
 */
import { RuntimeError } from '#runtime';
import { Secret } from './secret.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export class Reading {
  readonly mistakes: string[] = [];
  readonly warnings: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  isSet(name: string): boolean {
    return (this.#env[name] ?? '').trim() !== '';
  }

  /** A variable as `parse` reads it; undefined where it is absent, or wrong (and then noted). */
  take<T>(name: string, allowed: string, parse: (text: string) => T | undefined): T | undefined {
    const text = this.#env[name]?.trim();
    if (text === undefined || text === '') return undefined;
    const value = parse(text);
    if (value === undefined) {
      this.mistakes.push(`${name} is ${JSON.stringify(text.slice(0, 80))}; it ${allowed}`);
    }
    return value;
  }

  wholeNumber(name: string, least: number, most: number): number | undefined {
    return this.take(name, `must be a whole number from ${least} to ${most}`, (text) => {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      return value >= least && value <= most ? value : undefined;
    });
  }

  name(name: string, pattern: RegExp): string | undefined {
    return this.take(name, `must match ${pattern.source}`, (text) =>
      pattern.test(text) ? text : undefined,
    );
  }

  /** As `take`, and the value is shown nowhere. */
  secret(name: string, allowed: string, isRight: (text: string) => boolean): Secret | undefined {
    const text = this.#env[name];
    if (text === undefined || text.trim() === '') return undefined;
    if (!isRight(text)) this.mistakes.push(`${name} has the wrong form; it ${allowed}`);
    return new Secret(text);
  }

  finish(): void {
    if (this.mistakes.length === 0) return;
    throw new RuntimeError('CONFIG_INVALID', this.mistakes.join('\n'), {
      data: { mistakes: this.mistakes },
    });
  }
}
