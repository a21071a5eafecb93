/**
 * Faults, drawn from chance: what can happen to a node and to each of its calls.
 *
 * A node that has crashed hears nothing any more: its calls stay pending for ever, as if its process
 * were gone, while what they did before stays done.
 */
import { type Generations, type Log, RuntimeError, type Sink } from '#runtime';
import type { Chance } from './chance.ts';
import type { ManualClock } from './clock.ts';

const faults = ['slow', 'refused', 'lost-reply', 'crash-before', 'crash-after'] as const;
type Fault = (typeof faults)[number];

/** How often which fault strikes; nothing more once it is calm. */
export class FaultPlan {
  readonly #chance: Chance;
  readonly #rates: Readonly<Record<Fault, number>>;
  readonly struck: string[] = [];
  #isCalm = false;

  constructor(chance: Chance) {
    this.#chance = chance;
    // Each run has its own weather: many faults of few kinds find other bugs than few of all kinds.
    const rate = (most: number) => (chance.happens(0.5) ? chance.next() * most : 0);
    this.#rates = {
      slow: rate(0.3),
      refused: rate(0.2),
      'lost-reply': rate(0.2),
      'crash-before': rate(0.06),
      'crash-after': rate(0.06),
    };
  }

  calm(): void {
    this.#isCalm = true;
  }

  draw(place: string): Fault | null {
    if (this.#isCalm) return null;
    for (const fault of faults) {
      if (!this.#chance.happens(this.#rates[fault])) continue;
      this.struck.push(`${place}: ${fault}`);
      return fault;
    }
    return null;
  }
}

/** One life of one node. */
export class Life {
  readonly #death = Promise.withResolvers<void>();
  #isOver = false;

  /** Resolves at its end. */
  get ended(): Promise<void> {
    return this.#death.promise;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
    this.#death.resolve();
  }

  /** What a call gives to a node that lives; a dead one never hears of it. */
  async hears<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isOver) return never();
    try {
      const result = await call();
      return this.#isOver ? never() : result;
    } catch (thrown) {
      if (this.#isOver) return never();
      throw thrown;
    }
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

export interface Weather {
  readonly plan: FaultPlan;
  readonly chance: Chance;
  readonly clock: ManualClock;
  readonly life: Life;
}

/** A call that may be slow, refused, cut off or the last one of its node. */
function exposed<T>(
  { plan, chance, clock, life }: Weather,
  place: string,
  code: 'LOG_UNAVAILABLE' | 'READ_STORE_UNAVAILABLE',
  call: () => Promise<T>,
): Promise<T> {
  return life.hears(async () => {
    const fault = plan.draw(place);
    if (fault === 'slow') await clock.sleep(chance.int(800));
    if (fault === 'refused') throw new RuntimeError(code, `${place} is refused`);
    if (fault === 'crash-before') life.end();
    if (life.isOver) return never();
    const result = await call();
    if (fault === 'crash-after') life.end();
    if (fault === 'lost-reply') throw new RuntimeError(code, `the reply to ${place} is lost`);
    return result;
  });
}

/** A shared log as one node sees it. */
export function exposedLog(inner: Log, weather: Weather): Log {
  const { life } = weather;
  const at = <T>(place: string, call: () => Promise<T>) =>
    exposed(weather, place, 'LOG_UNAVAILABLE', call);
  return {
    append: (...args) => at('append', () => inner.append(...args)),
    readStream: (...args) => at('read stream', () => inner.readStream(...args)),
    readAll: (...args) => at('read all', () => inner.readAll(...args)),
    head: () => life.hears(() => inner.head()),
    last: () => life.hears(() => inner.last()),
    close: () => inner.close(),
    subscribe: async function* (options) {
      const batches = inner.subscribe(options)[Symbol.asyncIterator]();
      for (;;) {
        const next = await life.hears(() => batches.next());
        if (next.done) return;
        yield next.value;
      }
    },
  };
}

/** Shared generations as one node sees them. */
export function exposedGenerations<Change>(
  inner: Generations<Change>,
  weather: Weather,
): Generations<Change> {
  const { life } = weather;
  const originals = new Map<Sink<Change>, Sink<Change>>();
  const wrap = (sink: Sink<Change>): Sink<Change> => {
    const wrapped: Sink<Change> = {
      generation: sink.generation,
      position: () => life.hears(() => sink.position()),
      checksum: () => life.hears(() => sink.checksum()),
      apply: (batch) =>
        exposed(weather, 'apply', 'READ_STORE_UNAVAILABLE', () => sink.apply(batch)),
    };
    originals.set(wrapped, sink);
    return wrapped;
  };
  const original = (sink: Sink<Change>) => originals.get(sink) ?? sink;
  return {
    live: () =>
      life.hears(async () => {
        const { sink, version } = await inner.live();
        return { sink: wrap(sink), version };
      }),
    begin: (head) => life.hears(async () => wrap(await inner.begin(head))),
    complete: (sink) => life.hears(() => inner.complete(original(sink))),
    promote: (sink, options) => life.hears(() => inner.promote(original(sink), options)),
    promotion: (sink, options) => inner.promotion(original(sink), options),
    leave: (sink) => life.hears(() => inner.leave(original(sink))),
    kept: () =>
      life.hears(async () => {
        const sink = await inner.kept();
        return sink === null ? null : wrap(sink);
      }),
    list: () => life.hears(() => inner.list()),
    discard: (sink) => life.hears(() => inner.discard(original(sink))),
  };
}
