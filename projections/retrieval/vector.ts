/** The vector of a question: made before the snapshot, within the patience of who waits for results. */
import {
  type Clock,
  type Embedder,
  type Limits,
  RuntimeError,
  type Telemetry,
  toRuntimeError,
} from '#runtime';
import type { VectorsUse } from './answer.ts';
import type { Wanted } from './request.ts';

export type QueryVector =
  | { readonly use: 'used'; readonly vector: Float32Array }
  | { readonly use: Exclude<VectorsUse, 'used' | 'rebuilding'> };

export interface EmbeddingOptions {
  readonly embedder: Embedder | null;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly limits: Limits;
}

/**
 * A model that fails costs a hybrid search its vectors and nothing else; it is told to telemetry. With
 * mode `vectors` it throws what the model threw, and REQUEST_INVALID where embeddings are off. Throws the
 * signal's reason.
 */
export async function vectorOf(
  { q, mode }: Wanted,
  options: EmbeddingOptions,
  signal: AbortSignal,
): Promise<QueryVector> {
  const { embedder, telemetry } = options;
  if (mode === 'words') return { use: 'not-asked' };
  if (embedder === null) {
    if (mode === 'hybrid') return { use: 'off' };
    throw new RuntimeError('REQUEST_INVALID', 'mode vectors: embeddings are off on this node');
  }
  try {
    return { use: 'used', vector: await embedInTime(embedder, q, options, signal) };
  } catch (thrown) {
    signal.throwIfAborted();
    const error = toRuntimeError(thrown);
    if (mode === 'vectors') throw error;
    telemetry.record({ name: 'search-degraded', error });
    return { use: 'unavailable' };
  }
}

async function embedInTime(
  embedder: Embedder,
  text: string,
  { clock, limits }: EmbeddingOptions,
  signal: AbortSignal,
): Promise<Float32Array> {
  const late = new AbortController();
  const answered = new AbortController();
  clock.sleep(limits.embedQueryMs, answered.signal).then(
    () => late.abort(new RuntimeError('EMBEDDER_UNAVAILABLE', 'the model took too long')),
    // It answered, or failed: the timer is not needed any more.
    () => undefined,
  );
  try {
    const [vector] = await embedder.embed([text], AbortSignal.any([signal, late.signal]));
    if (vector !== undefined) return vector;
    throw new RuntimeError('EMBEDDER_MISMATCH', 'the model answered no vector');
  } finally {
    answered.abort();
  }
}
