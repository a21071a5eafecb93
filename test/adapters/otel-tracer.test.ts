import {
  ParentBasedSampler,
  type ReadableSpan,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import { describe, expect, it } from 'vitest';
import { OtelTracer } from '#adapters/otel';
import { limits, RuntimeError } from '#runtime';
import { contextOf, keepSpans } from '#test/spans';
import { LinkedSampler } from '../../infra/linked-sampler.ts';

/** What begins a trace is not recorded; what belongs to a recorded one is. */
const root = new LinkedSampler(new TraceIdRatioBasedSampler(0));
const spans = keepSpans({ sampler: new ParentBasedSampler({ root }) });

const tracer = new OtelTracer({ system: 'redis', destination: 'cognisync:bus' });
const traceOf = (digit: string) => digit.repeat(32);
const unrecorded = `00-${traceOf('9')}-${'9'.repeat(16)}-00`;

const start = (causes?: readonly (string | undefined)[]) =>
  ({ name: 'turn', kind: 'internal', ...(causes && { causes }) }) as const;
const contextIn = (causes?: readonly (string | undefined)[]) =>
  tracer.span(start(causes), async (traceparent) => traceparent);
const linksOf = (span: ReadableSpan | undefined) =>
  span?.links.map(({ context }) => context.spanId);

describe('a span', () => {
  it('is in the trace of its causes, child of the first and linked to the others', async () => {
    const own = await contextIn([contextOf('1', 'a'), undefined, contextOf('1', 'b')]);
    expect(own).toMatch(new RegExp(`^00-${traceOf('1')}-[0-9a-f]{16}-01$`));
    const span = spans.named('turn');
    expect(span?.parentSpanContext?.spanId).toBe('a'.repeat(16));
    expect(linksOf(span)).toEqual(['b'.repeat(16)]);
  });

  it('of causes in several traces begins its own and links them, recorded as they are', async () => {
    const own = await contextIn([contextOf('1', 'a'), contextOf('2', 'b')]);
    expect(own).not.toContain(traceOf('1'));
    expect(own).not.toContain(traceOf('2'));
    const span = spans.named('turn');
    expect(span?.parentSpanContext).toBeUndefined();
    expect(linksOf(span)).toEqual(['a'.repeat(16), 'b'.repeat(16)]);
  });

  it('without causes is a child of what runs', async () => {
    await tracer.span(start([contextOf('1')]), async () => {
      await tracer.span({ name: 'append', kind: 'client' }, async () => undefined);
    });
    const outer = spans.named('turn');
    expect(spans.named('append')?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
  });

  it('of a trace that is not recorded hands that on and leaves nothing', async () => {
    const seen = await tracer.span(start([unrecorded]), async (...given) => given);
    expect(seen[0]).toBeUndefined();
    expect(seen[1]).toMatch(new RegExp(`^00-${traceOf('9')}-[0-9a-f]{16}-00$`));
    expect(spans.all()).toEqual([]);
  });

  it('passes over causes that are no contexts', async () => {
    const nonsense = [undefined, '', 'x'.repeat(55), `00-${traceOf('0')}-${'a'.repeat(16)}-01`];
    const hostile = [`ff-${traceOf('1')}-${'a'.repeat(16)}-01`, `${contextOf('1')}\n`];
    expect(await contextIn([...nonsense, ...hostile])).toBeUndefined();
    expect(await contextIn([...nonsense, contextOf('1')])).toContain(traceOf('1'));
  });

  it('is linked to a bounded number of causes', async () => {
    const many = Array.from(
      { length: limits.spanLinksMax + 50 },
      (_, at) => `00-${(at + 1).toString(16).padStart(32, '0')}-${'a'.repeat(16)}-01`,
    );
    await contextIn(many);
    expect(spans.named('turn')?.links).toHaveLength(limits.spanLinksMax);
  });

  it('that failed has the code of its error and nothing of its text', async () => {
    const error = new RuntimeError('LOG_UNAVAILABLE', 'the text of a user');
    const failing = tracer.span(start([contextOf('1')]), () => Promise.reject(error));
    await expect(failing).rejects.toBe(error);
    const throwing = () =>
      tracer.span(start([contextOf('1')]), () => {
        throw error;
      });
    expect(throwing).toThrow(error);
    expect(spans.all()).toHaveLength(2);
    for (const { attributes, events, status } of spans.all()) {
      expect({ attributes, events, message: status.message }).toEqual({
        attributes: { 'error.type': 'LOG_UNAVAILABLE' },
        events: [],
        message: 'LOG_UNAVAILABLE',
      });
    }
  });

  it('of a message says on which bus, in the words of the conventions', async () => {
    const attributes = { messageId: 'm-1', correlationId: 'c-1', messageType: 'CREATE_ENTITY' };
    const causes = [contextOf('1')];
    await tracer.span({ name: 'process', kind: 'consumer', causes, attributes }, async () => 1);
    expect(spans.named('process cognisync:bus')?.attributes).toEqual({
      'messaging.system': 'redis',
      'messaging.destination.name': 'cognisync:bus',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.message.id': 'm-1',
      'messaging.message.conversation_id': 'c-1',
      'cognisync.messageType': 'CREATE_ENTITY',
    });
  });
});
