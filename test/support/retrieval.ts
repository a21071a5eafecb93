/** A graph and an index made of facts, and the retrieval over both. */
import { MemoryLog } from '#adapters/memory';
import { systemClock, systemIds } from '#adapters/system';
import {
  embeddingsGenerations,
  embeddingsProjection,
  Filler,
  graphPlan,
  graphProjection,
  IndexQueries,
  Retrieval,
  StoredGenerations,
} from '#projections';
import {
  type Clock,
  type Embedder,
  type Limits,
  limits,
  type ReadStore,
  type RecordedEvent,
  streamOf,
} from '#runtime';
import { newEvent } from '../contracts/log-event.ts';
import type { Fact } from './events.ts';
import { instantAt } from './messages.ts';
import { empty } from './read-stores.ts';
import { Recorder } from './telemetry.ts';

/** Texts are near where they are about the same, in whatever words; each concept is a dimension. */
const concepts = [
  ['refund', 'refunds', 'reimbursement', 'repayment'],
  ['login', 'signin', 'authentication'],
  ['database', 'postgres', 'storage'],
  ['slow', 'latency', 'sluggish'],
];

export class ConceptEmbedder implements Embedder {
  readonly model = { name: 'concepts', version: '1', dimensions: concepts.length + 1 };
  readonly textsMax = 8;

  async embed(texts: readonly string[], signal: AbortSignal): Promise<readonly Float32Array[]> {
    signal.throwIfAborted();
    return texts.map((text) => {
      const words = text.toLowerCase().split(/\W+/);
      const counts = concepts.map((names) => words.filter((word) => names.includes(word)).length);
      // Texts about nothing are near to each other and to nothing else.
      const sums = [...counts, counts.every((count) => count === 0) ? 1 : 0];
      return Float32Array.from(sums, (sum) => sum / Math.hypot(...sums));
    });
  }

  async close(): Promise<void> {
    // Nothing is ever under way.
  }
}

/** What a test does otherwise. */
export interface Around {
  readonly embedder?: Embedder | null;
  readonly clock?: Clock;
  readonly limits?: Partial<Limits>;
}

export class RetrievalRig {
  readonly log = new MemoryLog();
  readonly telemetry = new Recorder();
  readonly store: ReadStore;
  readonly #embedder = new ConceptEmbedder();
  readonly #filler: Filler;

  private constructor(store: ReadStore) {
    this.store = store;
    const surroundings = { clock: systemClock, ids: systemIds, telemetry: this.telemetry };
    this.#filler = new Filler({ store, embedder: this.#embedder, ...surroundings });
  }

  /** Empties the store, and puts the facts into graph and index. */
  static async over(store: ReadStore, facts: readonly Fact[]): Promise<RetrievalRig> {
    await empty(store);
    const rig = new RetrievalRig(store);
    await rig.record(facts);
    await rig.index();
    return rig;
  }

  /** Puts facts into log, graph and documents; their texts are not in the index yet. */
  async record(facts: readonly Fact[]): Promise<void> {
    const from = await this.log.head();
    for (const [at, { event, ...address }] of facts.entries()) {
      const minute = from + at + 1;
      const metadata = {
        messageId: `message-${minute}`,
        correlationId: `jira:acme.example:delivery-${minute}`,
        recordedAt: instantAt(minute),
      };
      await this.log.append(streamOf(address), [newEvent({ ...event, metadata })], 'any');
    }
    await this.#apply(await this.log.readAll({ after: from, limit: facts.length }), from);
  }

  /** Writes all chunks that are owed. */
  async index(): Promise<void> {
    const { sink } = await embeddingsGenerations(this.#filler).live();
    const target = { schema: `embeddings_${sink.generation}`, follows: null };
    while ((await this.#filler.round(target, new AbortController().signal)) > 0);
  }

  retrieval(around: Around = {}): Retrieval {
    const { clock = systemClock, embedder = this.#embedder } = around;
    return new Retrieval({
      store: this.store,
      log: this.log,
      embedder,
      index: embedder === null ? null : new IndexQueries(embedder.model),
      clock,
      telemetry: this.telemetry,
      limits: { ...limits, ...around.limits },
    });
  }

  async #apply(events: readonly RecordedEvent[], from: number): Promise<void> {
    const to = events.at(-1)?.position ?? from;
    const graph = await new StoredGenerations(this.store, graphPlan).live();
    const nodes = events.flatMap((event) => graphProjection.project(event));
    await graph.sink.apply({ changes: nodes, from, to });
    const index = await embeddingsGenerations(this.#filler).live();
    const documents = events.flatMap((event) => embeddingsProjection.project(event));
    await index.sink.apply({ changes: documents, from, to });
  }
}
