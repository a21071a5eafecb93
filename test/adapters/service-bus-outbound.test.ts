import { ServiceBusClient, type ServiceBusReceivedMessage } from '@azure/service-bus';
import { SpanKind } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryBlobs } from '#adapters/memory';
import { OtelTracer } from '#adapters/otel';
import { type OutboundTopic, openOutboundTopic } from '#adapters/service-bus';
import { systemClock } from '#adapters/system';
import { type OutboundMessage, outboundProjection } from '#projections';
import { limits, shardOf } from '#runtime';
import { entityCreated, entityUpdated, recorded } from '#test/events';
import { openTestBroker, quickLimits, type TestBroker } from '#test/service-bus';
import { contextOf, keepSpans } from '#test/spans';

let broker: TestBroker;
let client: ServiceBusClient;
let topic: OutboundTopic;
let blobs: MemoryBlobs;

const spans = keepSpans();
const tracer = new OtelTracer({ system: 'servicebus', destination: 'cognisync-events' });
const telemetry = { tracer, record: () => undefined };

const open = (topicName: string) =>
  openOutboundTopic({
    access: { connectionString: broker.connectionString },
    topicName,
    blobs,
    clock: systemClock,
    telemetry,
    limits: quickLimits,
  });

beforeEach(async () => {
  broker = await openTestBroker({ others: ['outbound'] });
  client = new ServiceBusClient(broker.connectionString);
  blobs = new MemoryBlobs();
  topic = await open('outbound');
});
afterEach(async () => {
  await topic.close();
  await client.close();
  await broker.close();
});

const messagesOf = (...facts: Parameters<typeof recorded>[0]): readonly OutboundMessage[] =>
  recorded(facts).flatMap((event) => outboundProjection.project(event));

async function receive(
  stream: string,
  count: number,
): Promise<readonly ServiceBusReceivedMessage[]> {
  const session = String(shardOf(stream, limits.shards));
  const receiver = await client.acceptSession('outbound', 'all', session);
  return receiver.receiveMessages(count, { maxWaitTimeInMs: 500 });
}

describe('the topic for other services', () => {
  it('carries events in order for each actor, and a repeat once', async () => {
    const updates = [1, 2, 3].map((n) => entityUpdated({ id: 'a', properties: { n } }));
    const messages = messagesOf(entityCreated({ id: 'a' }), entityCreated({ id: 'b' }), ...updates);
    await topic.publish(messages.slice(0, 3));
    await topic.publish(messages);
    const received = await receive('entity-acme/a', 9);
    const ofA = messages.filter(({ stream }) => stream === 'entity-acme/a');
    expect(received.map(({ messageId }) => messageId)).toEqual(ofA.map(({ id }) => id));
    expect(received.map(({ body }) => body)).toEqual(ofA.map(({ body }) => JSON.parse(body)));
  });

  it('says in properties what subscribers filter and trace by', async () => {
    const [message] = messagesOf(entityCreated({ id: 'a' }));
    const trace = {
      correlationId: 'case-1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-1-01',
    };
    await topic.publish([{ ...message!, ...trace }]);
    const [received] = await receive('entity-acme/a', 1);
    expect(received).toMatchObject({
      subject: 'com.cognisync.EntityCreated.v1',
      contentType: 'application/cloudevents+json',
      correlationId: 'case-1',
      applicationProperties: {
        type: 'com.cognisync.EntityCreated.v1',
        tenantId: 'acme',
        stream: 'entity-acme/a',
        traceparent: trace.traceparent,
        'Diagnostic-Id': trace.traceparent,
      },
    });
  });

  it('is sent to as a part of what projects it, and what is history without a span', async () => {
    const messages = messagesOf(entityCreated({ id: 'a' }), entityCreated({ id: 'b' }));
    await topic.publish(messages);
    expect(spans.all()).toEqual([]);
    const start = { name: 'project outbound', kind: 'internal', causes: [contextOf('1')] } as const;
    await tracer.span(start, () => topic.publish(messages));
    const [send, project] = ['send outbound', 'project outbound'].map((name) => spans.named(name));
    expect(send?.parentSpanContext).toMatchObject(project!.spanContext());
    expect(send?.kind).toBe(SpanKind.CLIENT);
    expect(send?.attributes).toEqual({
      'messaging.system': 'servicebus',
      'messaging.destination.name': 'outbound',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.batch.message_count': 2,
    });
  });

  it('gives a claim check for an event that is too large', async () => {
    const text = 'x'.repeat(limits.busBodyBytesMax);
    const [message] = messagesOf(entityCreated({ id: 'a', properties: { text } }));
    await topic.publish([message!]);
    const [received] = await receive('entity-acme/a', 1);
    const bytes = await blobs.get(received?.body.claimCheck);
    expect(Buffer.from(bytes!).toString()).toBe(message!.body);
  });

  it('has to be there', async () => {
    await expect(open('nowhere')).rejects.toMatchObject({
      code: 'BUS_REFUSED',
      message: 'topic nowhere is missing',
    });
  });

  it('says when the broker is away', async () => {
    await broker.close();
    await expect(topic.publish(messagesOf(entityCreated()))).rejects.toMatchObject({
      code: 'BUS_UNAVAILABLE',
    });
  });
});
