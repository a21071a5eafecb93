/**
 * An embedder that tells of each call to its model: how many texts, how long it took, what came of it. Where
 * a call is part of what is traced, a search or the indexing of news, it is a span; texts are not in it.
 */
import {
  type Clock,
  type Embedder,
  type SpanStart,
  type Telemetry,
  toRuntimeError,
  tracedPart,
} from '#runtime';

interface ToldEmbedderOptions {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** As OpenTelemetry's conventions name who makes the vectors. */
  readonly provider: string;
}

export function toldEmbedder(embedder: Embedder, options: ToldEmbedderOptions): Embedder {
  const { clock, provider, telemetry } = options;
  const { dimensions, name: model } = embedder.model;
  const asked = { modelOperation: 'embeddings', provider, model, dimensions };
  const spanOf = (texts: number): SpanStart => {
    return { name: `embeddings ${model}`, kind: 'client', attributes: { ...asked, texts } };
  };
  const called: Embedder['embed'] = async (texts, signal) => {
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
  };
  return {
    model: embedder.model,
    textsMax: embedder.textsMax,
    embed: (texts, signal) =>
      tracedPart(telemetry.tracer, spanOf(texts.length), () => called(texts, signal)),
    close: () => embedder.close(),
  };
}
