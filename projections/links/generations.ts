/**
 * The links process manager as the projector sees it: generations whose live sink also tells.
 *
 * L1: what follows from a batch is in the outbox when its rows are committed, and published after
 * (promise 8). L2: a batch counts as applied only when the outbox is empty, so the projector retries
 * what can't be published. L3: `position` first finishes what an earlier run left. A generation that
 * is being built or caught up tells nobody.
 */
import type { ChangeBatch, Checksum, Generations, ReadStore, Sink } from '#runtime';
import { StoredGenerations } from '../generation.ts';
import type { LinkChange } from './change.ts';
import type { Named } from './message.ts';
import { Outbox, type Publish } from './outbox.ts';
import { linksPlan } from './plan.ts';

/** What a sink needs to tell. */
export interface Teller {
  drain(): Promise<void>;
}

/** The links projection on a read store; `publish` is the bus's, `named` gives UUIDv5. */
export function linksGenerations(
  store: ReadStore,
  publish: Publish,
  named: Named,
): Generations<LinkChange> {
  return tellingGenerations(
    new StoredGenerations(store, linksPlan),
    new Outbox(store, publish, named),
  );
}

/** Generations whose live sink drains an outbox. */
export function tellingGenerations<Change>(
  generations: Generations<Change>,
  outbox: Teller,
): Generations<Change> {
  return {
    async live() {
      const { sink, version } = await generations.live();
      return { sink: new TellingSink(sink, outbox), version };
    },
    begin: (head) => generations.begin(head),
    complete: (sink) => generations.complete(sink),
    promote: (sink, options) => generations.promote(sink, options),
    promotion: (sink, options) => generations.promotion(sink, options),
    leave: (sink) => generations.leave(sink),
    discard: (sink) => generations.discard(sink),
    kept: () => generations.kept(),
    list: () => generations.list(),
  };
}

class TellingSink<Change> implements Sink<Change> {
  readonly #sink: Sink<Change>;
  readonly #outbox: Teller;

  constructor(sink: Sink<Change>, outbox: Teller) {
    this.#sink = sink;
    this.#outbox = outbox;
  }

  get generation(): number {
    return this.#sink.generation;
  }

  async position(): Promise<number> {
    await this.#outbox.drain();
    return this.#sink.position();
  }

  async apply(batch: ChangeBatch<Change>): Promise<number> {
    const position = await this.#sink.apply(batch);
    await this.#outbox.drain();
    return position;
  }

  checksum(): Promise<Checksum> {
    return this.#sink.checksum();
  }
}
