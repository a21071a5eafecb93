/** The embedding index over a store, and the graph beside it, moved on by hand. */
import { systemIds } from '#adapters/system';
import {
  type Chunk,
  chunkIdOf,
  chunksOf,
  embeddingsGenerations,
  embeddingsProjection,
  Filler,
  graphPlan,
  graphProjection,
  IndexQueries,
  type IndexStanding,
  indexViews,
  StoredGenerations,
} from '#projections';
import { addressOf, type Clock, type ReadStore, type RecordedEvent } from '#runtime';
import { type Fact, History } from './events.ts';
import { empty } from './read-stores.ts';
import { TamedEmbedder } from './tamed-embedder.ts';
import { Recorder } from './telemetry.ts';

const never = new AbortController().signal;

/** Does not pause: a model that is away is asked again at once. */
const hurried: Clock = {
  now: () => 0,
  sleep: async (_, signal) => {
    signal?.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  },
};

export interface RigOptions {
  readonly embedder?: TamedEmbedder;
  readonly clock?: Clock;
}

export class IndexRig {
  readonly store: ReadStore;
  readonly embedder: TamedEmbedder;
  readonly telemetry = new Recorder();
  readonly filler: Filler;
  readonly generations: ReturnType<typeof embeddingsGenerations>;
  readonly history = new History();
  readonly events: RecordedEvent[] = [];

  constructor(store: ReadStore, options: RigOptions = {}) {
    const { embedder = new TamedEmbedder(), clock = hurried } = options;
    const { telemetry } = this;
    this.store = store;
    this.embedder = embedder;
    this.filler = new Filler({ store, embedder, clock, ids: systemIds, telemetry });
    this.generations = embeddingsGenerations(this.filler);
  }

  /** On an empty store. */
  static async over(store: ReadStore, options: RigOptions = {}): Promise<IndexRig> {
    await empty(store);
    const rig = new IndexRig(store, options);
    await rig.record();
    return rig;
  }

  /** Puts facts into graph and documents, not into the index. Answers their positions. */
  async record(...facts: readonly Fact[]): Promise<readonly number[]> {
    const events = facts.map((fact) => this.history.record(fact));
    await this.apply(events);
    return events.map(({ position }) => position);
  }

  async apply(events: readonly RecordedEvent[]): Promise<void> {
    this.events.push(...events);
    const to = events.at(-1)?.position ?? 0;
    const graph = (await new StoredGenerations(this.store, graphPlan).live()).sink;
    const nodes = events.flatMap((event) => graphProjection.project(event));
    const { sink } = await this.generations.live();
    const documents = changesOf(events);
    if (events.length === 0) return;
    await graph.apply({ changes: nodes, from: await graph.position(), to });
    await sink.apply({ changes: documents, from: await sink.position(), to });
  }

  /** One round over the live generation. */
  async round(signal: AbortSignal = never): Promise<number> {
    const { sink } = await this.generations.live();
    return this.filler.round({ schema: schemaOf(sink.generation), follows: null }, signal);
  }

  async settle(): Promise<void> {
    while ((await this.round()) > 0);
  }

  /** Entities of a tenant that something in the text is near to, best first. */
  async found(text: string, tenantId = 'acme'): Promise<readonly string[]> {
    const passages = await this.nearest(text, tenantId);
    return passages.filter(({ similarity }) => similarity > 0.3).map(({ entityId }) => entityId);
  }

  async nearest(text: string, tenantId = 'acme', where?: string) {
    const { model } = this.embedder;
    const [vector] = await new TamedEmbedder({ dimensions: model.dimensions }).embed([text], never);
    return this.#inSnapshot(async (tx, index) => {
      const { generation } = await index.reach(tx);
      const request = { generation: generation!, tenantId, vector: vector!, limit: 10 };
      return index.nearest(tx, where === undefined ? request : { ...request, where: () => where });
    });
  }

  standing(rowsAt?: number): Promise<IndexStanding> {
    return this.#inSnapshot((tx, index) => index.standing(tx, rowsAt));
  }

  chunk(chunkId: string, tenantId = 'acme') {
    return this.#inSnapshot((tx, index) => index.chunk(tx, tenantId, chunkId));
  }

  /** All rows of chunks, as their names and texts, seen or not. */
  async chunks(): Promise<readonly StoredChunk[]> {
    const { sink } = await this.generations.live();
    const schema = schemaOf(sink.generation);
    return this.store.query<StoredChunk>(
      `SELECT c.tenant_id AS "tenantId", c.id, c.text, c.hash::text AS hash, d.indexed AS position
         FROM ${schema}.chunk c
         JOIN ${schema}.document d ON d.tenant_id = c.tenant_id AND d.id = c.entity_id
        ORDER BY c.tenant_id, c.id`,
    );
  }

  #inSnapshot<T>(
    work: (tx: Pick<ReadStore, 'query'>, index: IndexQueries) => Promise<T>,
  ): Promise<T> {
    return this.store.transaction(async (tx) => {
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await tx.query(`LOCK TABLE graph.node, ${indexViews.join(', ')} IN ACCESS SHARE MODE`);
      return work(tx, new IndexQueries(this.embedder.model));
    });
  }
}

export interface StoredChunk extends Record<string, unknown>, Pick<Chunk, 'text' | 'hash'> {
  readonly tenantId: string;
  readonly id: string;
  /** Of the version that it is a chunk of. */
  readonly position: number;
}

export function changesOf(events: readonly RecordedEvent[]) {
  return events.flatMap((event) => embeddingsProjection.project(event));
}

export function schemaOf(generation: number): string {
  return `embeddings_${generation}`;
}

/** The chunks that events mean, the naive way: documents folded one event after the other. */
export function chunksAfter(events: readonly RecordedEvent[]): readonly StoredChunk[] {
  const names = ['key', 'title', 'name', 'summary', 'text', 'status', 'labels'];
  const documents = new Map<string, { properties: Record<string, unknown>; position: number }>();
  for (const { type, stream, position, data } of events) {
    const { tenantId, id } = addressOf(stream);
    const key = JSON.stringify([tenantId, id]);
    const before = documents.get(key);
    const { properties, changed, removed } = data as Record<string, Record<string, unknown>>;
    const own = (all: Record<string, unknown> = {}) =>
      Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)));
    if (type === 'EntityCreated') documents.set(key, { properties: own(properties), position });
    if (type === 'EntityDeleted') documents.delete(key);
    if (before === undefined) continue;
    if (type === 'EntityUpdated' && Object.keys(own(changed)).length > 0) {
      documents.set(key, { properties: { ...before.properties, ...own(changed) }, position });
    }
    const gone = ((removed ?? []) as unknown as string[]).filter((name) => names.includes(name));
    if (type === 'DeletionSuperseded' && gone.length > 0) {
      const left = Object.entries(before.properties).filter(([name]) => !gone.includes(name));
      documents.set(key, { properties: Object.fromEntries(left), position });
    }
  }
  const rows = [...documents].flatMap(([key, { properties, position }]) => {
    const [tenantId, entityId] = JSON.parse(key) as [string, string];
    const { chunks } = chunksOf({ properties, isDeleted: false }, (name) => systemIds.named(name));
    return chunks.map(({ ord, text, hash }) => {
      return { tenantId, id: chunkIdOf(entityId, ord), text, hash, position };
    });
  });
  const order = ({ tenantId, id }: StoredChunk) => Buffer.from(`${tenantId}\0${id}`);
  return rows.sort((a, b) => Buffer.compare(order(a), order(b)));
}
