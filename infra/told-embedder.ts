/** An embedder that tells of each call to its model: how many texts, how long it took, what came of it. */
import { type Clock, type Embedder, type Telemetry, toRuntimeError } from '#runtime';

export function toldEmbedder(
  embedder: Embedder,
  { clock, telemetry }: { readonly clock: Clock; readonly telemetry: Telemetry },
): Embedder {
  return {
    model: embedder.model,
    textsMax: embedder.textsMax,
    embed: async (texts, signal) => {
      const startedMs = clock.now();
      const tell = (code?: string) =>
        telemetry.record({
          name: 'embedder-called',
          texts: texts.length,
          ms: clock.now() - startedMs,
          ...(code !== undefined && { code }),
        });
      try {
        const vectors = await embedder.embed(texts, signal);
        tell();
        return vectors;
      } catch (thrown) {
        // Who asked has gone: that says nothing of the model.
        if (!signal.aborted) tell(toRuntimeError(thrown).code);
        throw thrown;
      }
    },
    close: () => embedder.close(),
  };
}
