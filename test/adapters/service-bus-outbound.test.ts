import { ServiceBusClient, type ServiceBusReceivedMessage } from '@azure/service-bus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryBlobs } from '#adapters/memory';
import { type OutboundTopic, openOutboundTopic } from '#adapters/service-bus';
import { systemClock } from '#adapters/system';
import { type OutboundMessage, outboundProjection } from '#projections';
import { limits, shardOf } from '#runtime';
import { entityCreated, entityUpdated, recorded } from '#test/events';
import { openTestBroker, quickLimits, type TestBroker } from '#test/service-bus';
import { Recorder } from '#test/telemetry';

let broker: TestBroker;
let client: ServiceBusClient;
let topic: OutboundTopic;
let blobs: MemoryBlobs;

const open = (topicName: string) =>
  openOutboundTopic({
    access: { connectionString: broker.connectionString },
    topicName,
    blobs,
    clock: systemClock,
    telemetry: new Recorder(),
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
