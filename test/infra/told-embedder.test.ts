import { describe, expect, it } from 'vitest';
import { OtelTracer } from '#adapters/otel';
import { systemClock } from '#adapters/system';
import { contextOf, keepSpans } from '#test/spans';
import { TamedEmbedder } from '#test/tamed-embedder';
import { Recorder } from '#test/telemetry';
import { toldEmbedder } from '../../infra/told-embedder.ts';

const spans = keepSpans();
const tracer = new OtelTracer({ system: 'in_process', destination: 'commands' });
const { signal } = new AbortController();

function open() {
  const model = new TamedEmbedder();
  const told = new Recorder();
  const telemetry = { tracer, record: told.record.bind(told) };
  const embedder = toldEmbedder(model, { clock: systemClock, telemetry, provider: 'openai' });
  return { embedder, model, told };
}

const within = <T>(trace: string, work: () => Promise<T>) =>
  tracer.span({ name: 'search', kind: 'internal', causes: [contextOf(trace)] }, work);

describe('a call to the embedding model', () => {
  it('is a span of what asks for it, in the words of the conventions and without the texts', async () => {
    const { embedder, told } = open();
    await within('1', () => embedder.embed(['a text of a user', 'another'], signal));
    const call = spans.named('embeddings tamed')!;
    expect(call.parentSpanContext).toMatchObject(spans.named('search')!.spanContext());
    expect(call.attributes).toEqual({
      'gen_ai.operation.name': 'embeddings',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'tamed',
      'gen_ai.embeddings.dimension.count': 256,
      'cognisync.texts': 2,
    });
    expect(told.all('embedder-called')).toMatchObject([{ texts: 2 }]);
  });

  it('that gives no vectors has the code of why', async () => {
    const { embedder, model } = open();
    model.failure = 'EMBEDDER_UNAVAILABLE';
    await expect(within('1', () => embedder.embed(['text'], signal))).rejects.toThrow();
    expect(spans.named('embeddings tamed')?.attributes).toMatchObject({
      'error.type': 'EMBEDDER_UNAVAILABLE',
    });
  });

  it('is no span where nothing that is recorded asks for it', async () => {
    const { embedder, told } = open();
    await embedder.embed(['text'], signal);
    expect(spans.all()).toEqual([]);
    expect(told.all('embedder-called')).toHaveLength(1);
  });
});
