/**
 * One webhook, and every stage that it passes through found under one trace, over each bus; and one that
 * becomes a dead letter, with its trace in the log.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { limits } from '#runtime';
import { followByEvents } from '#test/feed-client';
import { createEntity } from '#test/messages';
import { openOtlpReceiver, type ReceivedSpan } from '#test/otlp-receiver';
import { createDatabase, hasPostgres } from '#test/postgres';
import { run, startNode } from '#test/process';
import { hasRedis, openRedis } from '#test/redis';
import { ask, settled, temporaryFolder } from '#test/served';
import { emulatorConfig, subscriptionName } from '#test/service-bus';
import { until } from '#test/until';

const site = 'acme.atlassian.net';
const webhook = {
  timestamp: Date.parse('2026-11-24T10:00:00Z'),
  webhookEvent: 'jira:issue_created',
  issue: {
    id: '1',
    key: 'ACME-1',
    self: `https://${site}/rest/api/2/issue/1`,
    fields: {
      summary: 'Ferries leave without their passengers',
      created: '2026-11-24T10:00:00.000+0000',
      updated: '2026-11-24T10:00:00.000+0000',
      issuetype: { name: 'Bug' },
      status: { name: 'Open' },
    },
  },
};

/** What a sender of its own trace says. */
const trace = '5'.repeat(32);
const senders = '6'.repeat(16);

interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const embedded = async (): Promise<Surroundings> => ({ env: {}, close: async () => undefined });

async function onRedis(): Promise<Surroundings> {
  const redis = await openRedis();
  const database = await createDatabase();
  return {
    env: { REDIS_URL: redis.url, MESSAGE_BUS: 'redis', DATABASE_URL: database.url },
    close: async () => {
      await redis.close();
      await database.drop();
    },
  };
}

async function onServiceBus(): Promise<Surroundings> {
  const folder = await temporaryFolder();
  const config = join(folder, 'topics.json');
  await writeFile(config, JSON.stringify(emulatorConfig({ others: ['outbound'] })));
  const args = ['service-bus', '--port', '0', '--config', config];
  const broker = run('infra/cli/cognisync.js', args);
  const [connectionString] = await broker.says(/Endpoint=sb:\S+/);
  return {
    env: {
      SERVICE_BUS_CONNECTION_STRING: connectionString,
      SERVICE_BUS_SUBSCRIPTION_NAME: subscriptionName,
      SERVICE_BUS_OUTBOUND_TOPIC_NAME: 'outbound',
    },
    close: async () => {
      broker.child.kill();
      await broker.ended;
      await rm(folder, { recursive: true });
    },
  };
}

const stages = [
  /^POST \/webhooks\/:connectionId$/,
  /^send /,
  /^process /,
  /^turn$/,
  /^append$/,
  /^complete /,
  /^project graph$/,
  /^project history$/,
  /^project links$/,
  /^project embeddings$/,
  /^index$/,
  /^embeddings /,
  /^notify$/,
];

const buses = [
  { bus: 'the in-process bus', open: embedded, system: 'in_process', also: [] },
  ...(hasRedis && hasPostgres
    ? [
        {
          bus: 'Redis Streams',
          open: onRedis,
          system: 'redis',
          also: [/^project notifications$/, /^(evalsha|eval|publish|PUBLISH|EVALSHA)/i, /^pg/],
        },
      ]
    : []),
  {
    bus: 'Service Bus',
    open: onServiceBus,
    system: 'servicebus',
    also: [/^project outbound$/, /^send outbound$/],
  },
];

const endings: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of endings.reverse()) await end();
});

describe.concurrent.each(buses)('one webhook over $bus', ({ also, open, system }) => {
  it('is one trace, from the request to the notification', async ({ expect }) => {
    const folder = await temporaryFolder();
    endings.push(() => rm(folder, { recursive: true }));
    const receiver = await openOtlpReceiver();
    endings.push(() => receiver.close());
    const around = await open();
    endings.push(() => around.close());
    const node = await startNode({
      DATA_DIR: join(folder, 'data'),
      ...receiver.env,
      ...around.env,
    });
    endings.push(async () => {
      // Its data goes with it, and a drain would take longer than the test.
      node.child.kill('SIGKILL');
      await node.ended;
    });
    await settled(node.url);
    const follower = await followByEvents(node.url, 'after=0');

    const headers = { traceparent: `00-${trace}-${senders}-01` };
    const answer = await ask(node.url, '/webhooks/jira', { body: webhook, headers });
    expect(answer.status).toBe(202);
    const ours = () => receiver.spans.filter(({ traceId }) => traceId === trace);
    const missing = () =>
      [...stages, ...also].filter((stage) => !ours().some(({ name }) => stage.test(name)));
    await until('every stage is there', () => missing().length === 0, 30_000).catch(() => {
      expect({ missing: missing(), seen: ours().map(({ name }) => name) }).toEqual({ missing: [] });
    });
    follower.leave();

    const named = (stage: RegExp): ReceivedSpan => ours().find(({ name }) => stage.test(name))!;
    const [request, send, process, turn, append, complete] = stages.slice(0, 6).map(named);
    expect(request!.parentSpanId).toBe(senders);
    expect(process!.parentSpanId).toBe(send!.spanId);
    expect(turn!.parentSpanId).toBe(process!.spanId);
    expect(append!.parentSpanId).toBe(turn!.spanId);
    expect(complete!.parentSpanId).toBe(process!.spanId);
    expect(complete!.attributes).toMatchObject({
      'messaging.system': system,
      'messaging.operation.type': 'settle',
    });
    expect(named(/^project graph$/).parentSpanId).toBe(process!.spanId);
    expect(process!.attributes).toMatchObject({
      'messaging.system': system,
      'messaging.operation.type': 'process',
    });
    expect(request!.resource).toMatchObject({
      'service.name': 'cognisync',
      'service.instance.id': expect.any(String),
    });
    // Looking whether it is well, as `settled` does with projections, is no part of it.
    expect(receiver.spans.filter(({ name }) => /health|metrics/.test(name))).toEqual([]);
    expect(JSON.stringify(ours())).not.toContain('Ferries');

    // Of an actor that has no room for it.
    const refused = '7'.repeat(32);
    const full = createEntity({
      tenantId: 'default',
      id: `jira:${site}:issue:2`,
      properties: Object.fromEntries(
        Array.from({ length: limits.propertiesMax }, (_, index) => [`p${index}`, index]),
      ),
    });
    expect((await ask(node.url, '/commands', { body: full })).status).toBe(202);
    await ask(node.url, '/webhooks/jira', {
      body: { ...webhook, issue: { ...webhook.issue, id: '2', key: 'ACME-2' } },
      headers: { traceparent: `00-${refused}-${senders}-01` },
    });
    const buried = await until('the dead letter is in its trace', () =>
      receiver.spans.find(
        ({ name, traceId }) => traceId === refused && name.startsWith('dead_letter '),
      ),
    );
    const line = await until('it is in the log', () =>
      node
        .said()
        .split('\n')
        .find((said) => said.includes('message-dead-lettered')),
    );
    expect(JSON.parse(line)).toMatchObject({
      operation: 'dlq',
      error: 'STATE_TOO_LARGE',
      trace_id: buried.traceId,
      span_id: buried.spanId,
    });
  });
});
