/**
 * Texts to vectors, some calls to the model at a time.
 *
 * A text that the model refuses is found by halving, so that it costs its neighbours nothing; and because
 * a model that is configured wrong refuses whatever it is asked, a plain word is tried before any text is
 * blamed. V1: what was embedded before a failure is not lost by it.
 */
import { type Embedder, limits, RuntimeError, toRuntimeError } from '#runtime';
import type { VectorText } from './rows.ts';

export interface Embedded {
  /** By key: the vector, or null where the model refuses the text. */
  readonly vectors: ReadonlyMap<string, VectorText | null>;
  /** Why there is not one for each. */
  readonly failure: RuntimeError | null;
}

/** One of the calls is left to those who search. */
const lanes = limits.embedCallsMax - 1;

/** Rejects with the signal's reason alone. */
export async function embedded(
  embedder: Embedder,
  texts: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<Embedded> {
  const vectors = new Map<string, VectorText | null>();
  const waiting = slices([...texts.keys()], embedder.textsMax);
  let failure: RuntimeError | null = null;
  const lane = async () => {
    for (let keys = waiting.pop(); keys !== undefined && failure === null; keys = waiting.pop()) {
      try {
        const own = keys.map((key) => texts.get(key)!);
        for (const [at, vector] of (await embedder.embed(own, signal)).entries()) {
          vectors.set(keys[at]!, textOf(vector));
        }
      } catch (thrown) {
        const error = toRuntimeError(thrown);
        if (error.code !== 'TEXT_UNEMBEDDABLE') failure ??= error;
        else if (keys.length === 1) vectors.set(keys[0]!, null);
        else waiting.push(...slices(keys, Math.ceil(keys.length / 2)));
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  signal.throwIfAborted();
  const refused = [...vectors].filter(([, vector]) => vector === null);
  if (refused.length === 0 || (await takesAnything(embedder, signal))) return { vectors, failure };
  for (const [key] of refused) vectors.delete(key);
  failure ??= new RuntimeError('EMBEDDER_REFUSED', 'the embedding model refuses even a plain word');
  return { vectors, failure };
}

async function takesAnything(embedder: Embedder, signal: AbortSignal): Promise<boolean> {
  try {
    await embedder.embed(['word'], signal);
    return true;
  } catch {
    // Whatever it is, no text is to blame.
    signal.throwIfAborted();
    return false;
  }
}

/** Nine digits say which of all 32-bit numbers it is. */
export function textOf(vector: Float32Array): VectorText {
  return `[${Array.from(vector, (number) => number.toPrecision(9)).join(',')}]`;
}

function slices<T>(items: readonly T[], size: number): (readonly T[])[] {
  const starts = Array.from({ length: Math.ceil(items.length / size) }, (_, at) => at * size);
  return starts.map((start) => items.slice(start, start + size));
}
