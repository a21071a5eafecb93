/** Happenings, kept and waited for. */
import type { Happening, Telemetry, Tracer } from '#runtime';

type Named<Name extends Happening['name']> = Extract<Happening, { readonly name: Name }>;

export class Recorder implements Telemetry {
  /** Set before what is looked at begins. */
  tracer?: Tracer;
  readonly happenings: Happening[] = [];
  readonly #listeners = new Set<(happening: Happening) => void>();

  record(happening: Happening): void {
    this.happenings.push(happening);
    for (const listener of this.#listeners) listener(happening);
  }

  /** All happenings of a name so far. */
  all<Name extends Happening['name']>(name: Name): readonly Named<Name>[] {
    return this.happenings.filter((one): one is Named<Name> => one.name === name);
  }

  /** The first happening of a name for which `holds`, past or to come; rejects after the deadline. */
  first<Name extends Happening['name']>(
    name: Name,
    holds: (happening: Named<Name>) => boolean = () => true,
    deadlineMs = 10_000,
  ): Promise<Named<Name>> {
    const matches = (one: Happening): one is Named<Name> =>
      one.name === name && holds(one as Named<Name>);
    const past = this.happenings.find(matches);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#listeners.delete(listener);
        reject(new Error(`no ${name} within ${deadlineMs} ms`));
      }, deadlineMs);
      const listener = (one: Happening) => {
        if (!matches(one)) return;
        clearTimeout(late);
        this.#listeners.delete(listener);
        resolve(one);
      };
      this.#listeners.add(listener);
    });
  }
}
