import { ROOT_CONTEXT } from '@opentelemetry/api';
import { SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import { describe, expect, it } from 'vitest';
import { OtelTracer } from '#adapters/otel';
import { traceparentIn } from '#runtime';
import { keepSpans } from '#test/spans';
import { RootSampling } from '../../infra/root-sampling.ts';

/** Which of a thousand traces are recorded is chance; that none or all are, is none. */
const ratio = new TraceIdRatioBasedSampler(0.5);
const roots = new RootSampling(ratio);
const spans = keepSpans({ sampler: roots.sampler, idGenerator: roots });
const tracer = new OtelTracer({ system: 'in_process', destination: 'commands' }, roots);
const traceIdOf = (traceparent: string) => traceparent.slice(3, 35);

describe('traces whose sampling is decided before the SDK begins them', () => {
  it('are recorded where the ratio says so of their ids, each once, and else leave nothing', async () => {
    const own: string[] = [];
    for (let trace = 0; trace < 1_000; trace++) {
      await tracer.span({ name: 'send', kind: 'producer' }, async (recorded, context) => {
        expect(traceparentIn(context)).toBe(context);
        expect(recorded).toBe(context.endsWith('-01') ? context : undefined);
        own.push(context);
      });
    }
    expect(new Set(own.map(traceIdOf)).size).toBe(1_000);
    const isRecorded = (traceparent: string) => traceparent.endsWith('-01');
    const decisionOn = (traceparent: string) =>
      isRecorded(traceparent) ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD;
    for (const context of own) {
      const { decision } = ratio.shouldSample(ROOT_CONTEXT, traceIdOf(context));
      expect({ context, decision }).toEqual({ context, decision: decisionOn(context) });
    }
    const kept = spans.all().map((span) => span.spanContext().traceId);
    expect(kept).toEqual(own.filter(isRecorded).map(traceIdOf));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(1_000);
  });

  it('are begun by the SDK under the id that was decided on, which it is given once', () => {
    let decided = 0;
    while (decided < 100) {
      if (roots.unrecorded() !== undefined) continue;
      decided += 1;
      const [own, next] = [roots.generateTraceId(), roots.generateTraceId()];
      const { decision } = ratio.shouldSample(ROOT_CONTEXT, own);
      expect(decision).toBe(SamplingDecision.RECORD_AND_SAMPLED);
      expect(next).not.toBe(own);
    }
  });
});
