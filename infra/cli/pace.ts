/** A long piece of work along the positions of a log, told as it goes. */
import { Progress } from './progress.ts';
import { countOf } from './text.ts';

export class Pace {
  readonly #progress: Progress;
  readonly #from: number;
  readonly #end: number;
  readonly #startMs = performance.now();
  events = 0;

  constructor(label: string, { isShown, from, end }: Stretch) {
    this.#progress = new Progress(label, { isShown });
    this.#from = from;
    this.#end = end;
  }

  get seconds(): number {
    return (performance.now() - this.#startMs) / 1_000;
  }

  /** Further `events` are done, and everything up to `position`. */
  step(events: number, position: number): void {
    this.events += events;
    const [done, total] = [position - this.#from, this.#end - this.#from];
    this.#progress.show({
      done,
      total,
      note: `${countOf(this.events)} events`,
      rate: { perSecond: this.events / this.seconds, unit: 'events' },
      secondsLeft: done > 0 ? (this.seconds * (total - done)) / done : null,
    });
  }

  end(): void {
    this.#progress.end();
  }
}

interface Stretch {
  readonly isShown: boolean;
  /** The last position before it, and its last. */
  readonly from: number;
  readonly end: number;
}
