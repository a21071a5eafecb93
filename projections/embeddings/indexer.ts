/**
 * Keeps the chunks of the live generation up with its documents, beside the projection.
 *
 *     away ──lock of the store──▶ leading ─▶ a round ─▶ pending: the next one
 *                                               ╰────▶ none: the index of vectors, where it is
 *                                                      not made yet; waits for rows to come
 *
 * X1: of several nodes one indexes, the others ask for its place. Should two ever hold it, they do the
 * same work twice, and the rows are the same (rows.ts). X2: a node that ends anywhere leaves nothing
 * half done. X3: every node knows how far the index is, since it asks the rows.
 */
import {
  backoffMs,
  type Clock,
  type Ids,
  type Log,
  limits,
  type Progress,
  type RuntimeError,
  type StoreLock,
  type Telemetry,
  toRuntimeError,
} from '#runtime';
import type { Filler } from './filler.ts';
import { schemaOfLive } from './model.ts';
import { ensureVectorIndex } from './pgvector.ts';
import { completeUpTo, isPending } from './plan.ts';

export interface IndexerOptions {
  readonly filler: Filler;
  /** Of the projection `embeddings` on this node; read late, as its projector may be made after this. */
  readonly progress: () => Progress;
  readonly log: Log;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly telemetry: Telemetry;
}

const lockName = 'cognisync/embeddings/index';

export class Indexer {
  readonly #options: IndexerOptions;
  #running: { readonly abort: AbortController; readonly ended: Promise<void> } | null = null;
  /** The schema whose index of vectors is known to be there. */
  #hasIndex: string | null = null;
  /** Where the log ended when this node began: what is before is history, without spans. */
  #newsAfter: number | null = null;
  #asked: { readonly ms: number; readonly position: Promise<number> } | null = null;

  constructor(options: IndexerOptions) {
    this.#options = options;
  }

  /** Why the model gives no vectors, while it does not. */
  get failure(): RuntimeError | null {
    return this.#options.filler.failure;
  }

  start(): void {
    if (this.#running !== null) return;
    const abort = new AbortController();
    this.#running = { abort, ended: this.#run(abort.signal) };
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#running?.abort.abort();
    await this.#running?.ended;
    this.#running = null;
  }

  /**
   * Resolves when the index has all text up to a position of the log, whoever indexes; that may take as
   * long as its model is away. Rejects with the signal's reason, or READ_STORE_UNAVAILABLE.
   */
  async reached(position: number, signal: AbortSignal): Promise<void> {
    const { clock, progress } = this.#options;
    await progress().reached(position, signal);
    while ((await this.position()) < position) await clock.sleep(limits.indexAwaitMs, signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, filler, ids, log, telemetry } = this.#options;
    let lock: StoreLock | null = null;
    let failures = 0;
    while (!signal.aborted) {
      try {
        this.#newsAfter ??= await log.head();
        lock ??= await filler.store.lock(lockName);
        if (lock === null) await clock.sleep(limits.leadAskMs, signal);
        else await this.#lead(signal);
        failures = 0;
      } catch (thrown) {
        if (signal.aborted) break;
        failures += 1;
        const error = toRuntimeError(thrown);
        telemetry.record({ name: 'indexing-retried', error, attempt: failures });
        const backoff = { baseMs: limits.retryBaseMs, capMs: limits.retryCapMs };
        await clock
          .sleep(backoffMs(failures, backoff, ids.chance()), signal)
          .catch(() => undefined);
      }
    }
    await lock?.release();
  }

  /** One round, or a wait where there is nothing to do. */
  async #lead(signal: AbortSignal): Promise<void> {
    const { filler, log, progress } = this.#options;
    const news = { log, after: this.#newsAfter! };
    const seen = progress().position;
    const schema = seen === 0 ? null : await schemaOfLive(filler.store, filler.model);
    const taken = schema === null ? 0 : await filler.round({ schema, follows: null, news }, signal);
    if (taken > 0) return;
    if (schema !== null && schema !== this.#hasIndex) {
      await ensureVectorIndex(filler.store, schema);
      this.#hasIndex = schema;
    }
    await this.#news(seen, signal);
  }

  /** Resolves when the rows are beyond `seen`, or after a while: a switch of generations moves nothing. */
  async #news(seen: number, signal: AbortSignal): Promise<void> {
    const { clock, progress } = this.#options;
    const done = new AbortController();
    const waiting = AbortSignal.any([signal, done.signal]);
    const passed = [
      progress().reached(seen + 1, waiting),
      clock.sleep(limits.indexLookMs, waiting),
    ];
    try {
      await Promise.race(passed);
    } finally {
      done.abort();
      await Promise.allSettled(passed);
    }
  }

  /** All text up to here is in the index, whoever indexes; shared by all who ask at a time. */
  position(): Promise<number> {
    const ms = this.#options.clock.now();
    if (this.#asked === null || ms - this.#asked.ms >= limits.indexAwaitMs) {
      this.#asked = { ms, position: this.#look() };
    }
    return this.#asked.position;
  }

  async #look(): Promise<number> {
    const { filler, progress } = this.#options;
    const seen = progress().position;
    const schema = await schemaOfLive(filler.store, filler.model);
    if (schema === null) return 0;
    const [row] = await filler.store.query<{ since: number | null }>(
      `SELECT min(since) AS since FROM ${schema}.document WHERE ${isPending} AND NOT is_deleted`,
    );
    return completeUpTo(row?.since ?? null, seen);
  }
}
