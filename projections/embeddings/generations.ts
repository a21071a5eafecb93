/**
 * The generations of the index: of one model each, and complete only with their chunks.
 *
 * M1: a live generation of another model is told as of an older version, and so it is rebuilt beside, as
 * any projection is; a build or a kept generation of another model is never gone on with. M2: this
 * process does that once. Where the model of the live one changes under it, another node is configured
 * otherwise, and the two would rebuild against each other for ever. M3: a build waits for the model,
 * while the old generation serves on; `signal` ends the wait, and the build is left where it is.
 */
import { type EmbedderModel, type ReadStore, RuntimeError, type Sink } from '#runtime';
import { StoredGenerations } from '../generation.ts';
import { schemaOf } from '../schema.ts';
import type { DocumentChange } from './change.ts';
import type { Filler } from './filler.ts';
import { isSameModel, modelIn, schemaOfLive } from './model.ts';
import { ensurePgvector, ensureVectorIndex } from './pgvector.ts';
import { embeddingsPlan } from './plan.ts';
import { embeddingsProjection } from './projection.ts';

/** Older than any: what the code must not leave as it is. */
const outdated = 0;

class EmbeddingsGenerations extends StoredGenerations<DocumentChange> {
  readonly #filler: Filler;
  readonly #store: ReadStore;
  #wasOurs = false;

  constructor(filler: Filler, foldedCharsMax?: number) {
    super(filler.store, embeddingsPlan(filler.model), foldedCharsMax);
    this.#filler = filler;
    this.#store = filler.store;
  }

  /**
   * Throws VECTORS_UNSUPPORTED where this PostgreSQL has no pgvector, and EMBEDDER_MISMATCH where another
   * node has built the index with its model in place of ours.
   */
  override async live() {
    await ensurePgvector(this.#store);
    const live = await super.live();
    const theirs = await modelIn(this.#store, schemaOfSink(live.sink));
    if (isSameModel(theirs, this.#filler.model)) {
      this.#wasOurs = true;
      return live;
    }
    if (!this.#wasOurs) return { sink: live.sink, version: outdated };
    const [one, other] = [theirs, this.#filler.model].map(
      ({ name, version }) => `${name} ${version}`,
    );
    const message = `another node has built the index with ${one}, and this one is set to ${other}`;
    throw new RuntimeError('EMBEDDER_MISMATCH', message);
  }

  override async begin(head?: number): Promise<Sink<DocumentChange>> {
    await ensurePgvector(this.#store);
    const sink = await super.begin(head);
    if (isSameModel(await this.#modelOf(sink), this.#filler.model)) return sink;
    await super.discard(sink);
    return super.begin();
  }

  override async complete(sink: Sink<DocumentChange>, signal?: AbortSignal): Promise<void> {
    await super.complete(sink);
    const schema = schemaOfSink(sink);
    const target = { schema, follows: await schemaOfLive(this.#store, this.#filler.model) };
    const ended = signal ?? new AbortController().signal;
    while ((await this.#filler.round(target, ended)) > 0);
    await ensureVectorIndex(this.#store, schema);
  }

  override async kept(): Promise<Sink<DocumentChange> | null> {
    const sink = await super.kept();
    if (sink === null) return null;
    const theirs = await this.#modelOf(sink);
    if (isSameModel(theirs, this.#filler.model)) return sink;
    await super.leave(sink);
    const message = `the kept generation has vectors of ${theirs.name} ${theirs.version}`;
    throw new RuntimeError('PROJECTION_OUTDATED', message);
  }

  /** Of one that is held here, and let go where that can't be said. */
  async #modelOf(sink: Sink<DocumentChange>): Promise<EmbedderModel> {
    try {
      return await modelIn(this.#store, schemaOfSink(sink));
    } catch (thrown) {
      await super.leave(sink);
      throw thrown;
    }
  }
}

export type { EmbeddingsGenerations };

/** The index on the filler's store. */
export function embeddingsGenerations(
  filler: Filler,
  foldedCharsMax?: number,
): EmbeddingsGenerations {
  return new EmbeddingsGenerations(filler, foldedCharsMax);
}

function schemaOfSink({ generation }: Sink<DocumentChange>): string {
  return schemaOf(embeddingsProjection, generation);
}
