/** A message's way through the dispatcher: its spans, and the ids of its trace in the log. */
import { ParentBasedSampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import { describe, expect, it } from 'vitest';
import { OtelTracer } from '#adapters/otel';
import { type BusMessage, type Delivery, RuntimeError, refuseUnread } from '#runtime';
import { createEntity, onTheBus } from '#test/messages';
import { contextOf, keepSpans } from '#test/spans';
import { inTime, stage } from '#test/stage';
import { until } from '#test/until';
import { createLogger, LoggedTelemetry } from '../../infra/logging.ts';
import { ToldBus } from '../../infra/told-bus.ts';

/** Only what its sender recorded is recorded. */
const spans = keepSpans({
  sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0) }),
});

const tracer = new OtelTracer({ system: 'in_process', destination: 'commands' });
const recorded = contextOf('5', '6');
const unrecorded = recorded.replace(/01$/, '00');

/** A stage whose happenings are logged as a node logs them. */
async function tracedStage() {
  const all = await stage();
  const lines: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const logger = createLogger('debug', (line) => line, stream);
  const logged = new LoggedTelemetry(logger, all.clock);
  const record = all.telemetry.record.bind(all.telemetry);
  all.telemetry.tracer = tracer;
  all.telemetry.record = (happening) => {
    record(happening);
    logged.record(happening);
  };
  return { ...all, lineOf: (name: string) => lines.find(({ msg }) => msg === name) };
}

const good = (traceparent: string): BusMessage => ({ ...onTheBus(createEntity()), traceparent });
const noise = (traceparent: string): BusMessage => {
  return { messageId: 'noise', body: '{', traceparent };
};
/** The publisher hears of a settlement before its span ends. */
const ended = (name: string) => until(`${name} ended`, () => spans.named(`${name} commands`));
/** What a line of the log has of a span. */
const idsOf = (span: Awaited<ReturnType<typeof ended>>) => {
  const { spanId, traceId } = span.spanContext();
  return { trace_id: traceId, span_id: spanId, trace_flags: '01' };
};

describe('a message of a recorded trace', () => {
  it('is settled in a span below its processing, in which it is told', async () => {
    const { bus, lineOf } = await tracedStage();
    await bus.publish([good(recorded)]);
    const [process, settle] = [await ended('process'), await ended('complete')];
    expect(process.parentSpanContext?.spanId).toBe('6'.repeat(16));
    expect(settle.parentSpanContext?.spanId).toBe(process.spanContext().spanId);
    expect(settle.attributes).toMatchObject({
      'messaging.operation.type': 'settle',
      'messaging.operation.name': 'complete',
      'messaging.message.id': process.attributes['messaging.message.id'],
    });
    expect(lineOf('message-completed')).toMatchObject(idsOf(settle));
  });

  it('that can not be read has its processing in the trace, with the reason', async () => {
    const { bus, lineOf } = await tracedStage();
    await bus.publish([noise(recorded)]);
    const [process, settle] = [await ended('process'), await ended('dead_letter')];
    expect(process.parentSpanContext?.spanId).toBe('6'.repeat(16));
    expect(process.attributes).toMatchObject({
      'error.type': 'MESSAGE_NOT_JSON',
      'messaging.message.id': 'noise',
    });
    expect(settle.parentSpanContext?.spanId).toBe(process.spanContext().spanId);
    expect(settle.attributes['error.type']).toBeUndefined();
    expect(lineOf('message-dead-lettered')).toMatchObject(idsOf(settle));
  });

  it('that is given back is settled in its trace, too', async () => {
    const { bus, clock, lineOf, log } = await tracedStage();
    log.onAppend = () => Promise.reject(new RuntimeError('LOG_UNAVAILABLE', 'the log is away'));
    const published = inTime(clock, bus.publish([good(recorded)]));
    await expect(published).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    expect((await ended('process')).attributes['error.type']).toBe('LOG_UNAVAILABLE');
    expect(lineOf('message-abandoned')).toMatchObject(idsOf(await ended('abandon')));
  });

  it('that its bus refuses unread is in the trace that it came with', async () => {
    const { lineOf, telemetry } = await tracedStage();
    const delivery: Delivery = {
      message: noise(recorded),
      deliveryCount: 1,
      complete: () => Promise.reject(new Error('it was completed')),
      abandon: () => Promise.reject(new Error('it was abandoned')),
      deadLetter: async () => undefined,
    };
    const error = new RuntimeError('MESSAGE_UNSETTLED', 'two nodes had it and ended');
    await refuseUnread(delivery, error, telemetry);
    const settle = await ended('dead_letter');
    expect(settle.parentSpanContext?.spanId).toBe('6'.repeat(16));
    expect(settle.attributes).toMatchObject({ 'cognisync.refusedFor': 'MESSAGE_UNSETTLED' });
    expect(lineOf('message-dead-lettered')).toMatchObject(idsOf(settle));
  });

  it('is told in the span that sent it where it is published', async () => {
    const { bus, clock, lineOf, telemetry } = await tracedStage();
    const told = new ToldBus(bus, { clock, telemetry });
    const start = { name: 'request', kind: 'internal', causes: [recorded] } as const;
    await tracer.span(start, () => told.publish([onTheBus(createEntity())]));
    expect(lineOf('messages-published')).toMatchObject(idsOf(await ended('send')));
  });
});

describe('a message of a trace that is not recorded', () => {
  it('leaves no span, and no ids in the log', async () => {
    const { bus, lineOf, telemetry } = await tracedStage();
    await bus.publish([good(unrecorded), noise(unrecorded)]);
    await telemetry.first('message-dead-lettered');
    expect(spans.all()).toEqual([]);
    for (const name of ['message-completed', 'message-dead-lettered']) {
      expect(lineOf(name)).toMatchObject({ msg: name });
      expect(lineOf(name)).not.toHaveProperty('trace_id');
    }
  });

  it('has no ids of a recorded span that was over before it was told', async () => {
    const { bus, lineOf, log, telemetry } = await tracedStage();
    const disk = Promise.withResolvers<void>();
    log.onAppend = (append, ...args) => disk.promise.then(() => append(...args));
    const start = { name: 'request', kind: 'internal', causes: [recorded] } as const;
    let published = Promise.resolve();
    await tracer.span(start, async () => {
      published = bus.publish([noise(unrecorded)]);
    });
    disk.resolve();
    await published;
    await telemetry.first('message-dead-lettered');
    expect(lineOf('message-dead-lettered')).not.toHaveProperty('trace_id');
  });
});
