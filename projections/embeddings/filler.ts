/**
 * Brings the chunks of a generation up to its documents, round by round.
 *
 *     pending documents ─▶ chunks ─▶ vectors that are there ─▶ the model, for the rest ─▶ rows
 *
 * F1: pending is what the rows say (plan.ts), so a round that is cut off anywhere is done again, and
 * nothing is skipped. F2: text whose vector is in this generation or in the one that it follows is not
 * embedded again, in one tenant. F3: a model that is away or refuses us is waited for, however long that
 * takes; documents that are complete without it go in meanwhile. F4: a text that the model refuses fails
 * alone, and its document says so. F5: what led to a round is looked up in the log and not kept in rows,
 * which are the same whether traces are kept or not, and do not tell history from news.
 */
import {
  backoffMs,
  type Clock,
  type Embedder,
  type EmbedderModel,
  type Ids,
  type Log,
  limits,
  type ReadStore,
  type RecordedEvent,
  type RuntimeError,
  type Telemetry,
  traced,
} from '#runtime';
import { type Chunk, chunksOf } from './chunk.ts';
import { embeddingsProjection } from './projection.ts';
import {
  type Embeddable,
  keyOfText,
  type PendingDocument,
  pendingDocuments,
  type Settled,
  storedVectors,
  type VectorText,
  writeChunks,
} from './rows.ts';
import { embedded } from './vectors.ts';

export interface FillerOptions {
  readonly store: ReadStore;
  readonly embedder: Embedder;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly telemetry: Telemetry;
}

/** The schema of a generation, and of the one whose vectors it may take over. */
export interface FillerTarget {
  readonly schema: string;
  readonly follows: string | null;
  /** Where the log ended when all before it was history; absent: it is all history, which has no spans. */
  readonly news?: { readonly log: Log; readonly after: number };
}

/** A document with its chunks. */
interface Cut {
  readonly document: PendingDocument;
  readonly chunks: readonly Chunk[];
  readonly leftOut: number;
}

export class Filler {
  readonly #options: FillerOptions;
  #failures = 0;
  #failure: RuntimeError | null = null;

  constructor(options: FillerOptions) {
    this.#options = options;
  }

  get model(): EmbedderModel {
    return this.#options.embedder.model;
  }

  get store(): ReadStore {
    return this.#options.store;
  }

  /** What the model said last, where that was no vector. */
  get failure(): RuntimeError | null {
    return this.#failure;
  }

  /**
   * One round over some pending documents. Answers how many it took on, 0 where none is pending; where
   * the model failed, after a pause. Throws READ_STORE_UNAVAILABLE (the generation may be gone, too) or
   * the signal's reason.
   */
  async round(target: FillerTarget, signal: AbortSignal): Promise<number> {
    const { store, telemetry } = this.#options;
    const documents = await pendingDocuments(store, target.schema);
    const span = { name: 'index', kind: 'internal' } as const;
    const causes = telemetry.tracer ? await newsOf(documents, target) : [];
    const fill = () => this.#fill(documents, target, signal);
    const failure = await traced(telemetry.tracer, span, causes, fill);
    if (failure !== null) await this.#waitAfter(failure, signal);
    return documents.length;
  }

  /** Answers why the model did not give all that was asked of it. */
  async #fill(
    documents: readonly PendingDocument[],
    target: FillerTarget,
    signal: AbortSignal,
  ): Promise<RuntimeError | null> {
    const { embedder, ids, store, telemetry } = this.#options;
    const cuts = documents.map((document): Cut => {
      return { document, ...chunksOf(document, (name) => ids.named(name)) };
    });
    const { vectors, missing } = await this.#storedFor(cuts, target);
    const made = await embedded(embedder, missing, signal);
    const vectorOf = (key: string) => vectors.get(key) ?? made.vectors.get(key);
    const settled = cuts.flatMap((cut) => settledOf(cut, vectorOf));
    await writeChunks(store, target.schema, settled);
    if (settled.length > 0) {
      const refused = settled.filter(({ failure }) => failure !== null).length;
      telemetry.record({
        name: 'documents-indexed',
        documents: settled.length,
        embedded: made.vectors.size,
        refused,
      });
    }
    if (made.failure === null && missing.size > 0) this.#recover();
    return made.failure;
  }

  /** Vectors that are there, and texts for which there is none, by key. */
  async #storedFor(cuts: readonly Cut[], { schema, follows }: FillerTarget) {
    const missing = new Map<string, string>();
    const wanted = new Map<string, Embeddable>();
    for (const { document, chunks } of cuts) {
      for (const { embedded: text, hash } of chunks) {
        const one = { tenantId: document.tenantId, hash };
        missing.set(keyOfText(one), text);
        wanted.set(keyOfText(one), one);
      }
    }
    const vectors = new Map<string, VectorText>();
    for (const source of follows === null ? [schema] : [schema, follows]) {
      const found = await storedVectors(this.#options.store, source, [...wanted.values()]);
      for (const [key, vector] of found) {
        vectors.set(key, vector);
        missing.delete(key);
        wanted.delete(key);
      }
    }
    return { vectors, missing };
  }

  async #waitAfter(error: RuntimeError, signal: AbortSignal): Promise<void> {
    const { clock, ids, telemetry } = this.#options;
    this.#failure = error;
    this.#failures += 1;
    const attempt = this.#failures;
    telemetry.record({ name: 'indexing-retried', error, attempt });
    const backoff = { baseMs: limits.retryBaseMs, capMs: limits.retryCapMs };
    const ms = error.retryable ? backoffMs(attempt, backoff, ids.chance()) : limits.embedRefusedMs;
    await clock.sleep(ms, signal);
  }

  #recover(): void {
    this.#failure = null;
    this.#failures = 0;
  }
}

/** The document with its vectors; none where one is still missing. */
function settledOf(
  { document, chunks, leftOut }: Cut,
  vectorOf: (key: string) => VectorText | null | undefined,
): readonly Settled[] {
  const { tenantId } = document;
  const found = chunks.map((chunk) => {
    return { chunk, vector: vectorOf(keyOfText({ tenantId, hash: chunk.hash })) };
  });
  if (found.some(({ vector }) => vector === undefined)) return [];
  const taken = found.flatMap(({ chunk, vector }) => (vector ? [{ chunk, vector }] : []));
  const refused = found.length - taken.length;
  const reasons = [
    refused > 0 ? `TEXT_UNEMBEDDABLE: ${refused} of ${found.length} passages` : '',
    leftOut > 0 ? `${leftOut} passages are beyond the first ${limits.chunksMax}` : '',
  ].filter(Boolean);
  return [{ document, chunks: taken, failure: reasons.join('; ') || null }];
}

/** The events after which documents are pending, of those that are news. */
async function newsOf(
  documents: readonly PendingDocument[],
  { news }: FillerTarget,
): Promise<readonly RecordedEvent[]> {
  if (news === undefined) return [];
  const positions = new Set(documents.map(({ position }) => position));
  const first = Math.min(...[...positions].filter((position) => position > news.after));
  if (first === Number.POSITIVE_INFINITY) return [];
  const { filter } = embeddingsProjection;
  try {
    // As many as a span is linked to.
    const page = await news.log.readAll({ after: first - 1, filter, limit: limits.spanLinksMax });
    return page.filter(({ position }) => positions.has(position));
  } catch {
    // A log that does not answer costs the round its span; its work needs none.
    return [];
  }
}
