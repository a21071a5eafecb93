/** The metrics of a node that runs, as Prometheus scrapes them and as a collector gets them. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Family, familiesIn, labelsOf, valueIn } from '#test/exposition';
import { followByEvents } from '#test/feed-client';
import { goldenMetrics, seldomTold } from '#test/golden-metrics';
import { createEntity } from '#test/messages';
import { type RunningNode, startNode } from '#test/process';
import { hasRedis, openRedis, type RedisServer } from '#test/redis';
import { ask, settled, temporaryFolder } from '#test/served';
import { until } from '#test/until';

/** Names that stand nowhere but in what was sent. */
const secretTenant = 'tenant-of-the-metrics-test';
const secretEntity = 'entity-of-the-metrics-test';

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

let dataDir: string;
let redis: RedisServer;
let collector: Server;
let node: RunningNode;
/** Bodies of OTLP over HTTP, in JSON. */
const pushed: string[] = [];

beforeAll(async () => {
  if (!hasRedis) return;
  dataDir = await temporaryFolder();
  redis = await openRedis();
  collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/v1/metrics') pushed.push(Buffer.concat(chunks).toString());
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const { port } = collector.address() as AddressInfo;
  node = await startNode({
    DATA_DIR: dataDir,
    REDIS_URL: redis.url,
    MESSAGE_BUS: 'redis',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_METRIC_EXPORT_INTERVAL: '200',
    OTEL_TRACES_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  });
});
afterAll(async () => {
  node?.child.kill();
  await node?.ended;
  collector?.close();
  await redis?.close();
  if (dataDir !== undefined) await rm(dataDir, { recursive: true });
});

async function scrape(): Promise<ReadonlyMap<string, Family>> {
  const { status, headers, body } = await ask(node.url, '/metrics');
  expect(status).toBe(200);
  expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return familiesIn(body);
}

describe.runIf(hasRedis)('a node', () => {
  it('shows the golden metrics once it has worked, and nothing of any tenant or entity', async () => {
    const follower = await followByEvents(node.url, 'after=0');
    for (let at = 0; at < 30; at++) {
      const command = createEntity({
        tenantId: secretTenant,
        messageId: `${secretEntity}-${at}`,
        id: `${secretEntity}-${at}`,
      });
      const { status } = await ask(node.url, '/commands', { body: command });
      expect(status).toBe(202);
    }
    await redis.client.xadd('{cognisync:bus}:intake', '*', 'body', 'no JSON');
    await until('it is a dead letter', async () => {
      return (await redis.client.xlen('{cognisync:bus}:intake')) === 0;
    });
    await settled(node.url);
    for (const _ of [1, 2]) {
      const tenant = secretTenant;
      expect(await ask(node.url, `/entities/${secretEntity}-1`, { tenant })).toMatchObject({
        status: 200,
      });
    }
    await ask(node.url, `/search?q=${secretEntity}`, { tenant: secretTenant });
    // Slow enough to be seen; it ends with the node.
    await ask(node.url, '/projections/graph/rebuild', { body: { rate: 1 } });

    const awaited = goldenMetrics.filter(({ name }) => !seldomTold.includes(name));
    const seen = new Map<string, Family>();
    await until(
      'all of them are there',
      async () => {
        for (const [name, family] of await scrape()) seen.set(name, family);
        return awaited.every(({ name }) => seen.has(name));
      },
      20_000,
    ).catch(() => {
      const missing = awaited.filter(({ name }) => !seen.has(name)).map(({ name }) => name);
      expect(missing).toEqual([]);
    });
    for (const [name, family] of seen) {
      const known = goldenMetrics.find((one) => one.name === name);
      expect({ name, type: family.type, unit: family.unit }).toEqual({
        name: known?.name,
        type: known?.type,
        unit: known?.unit,
      });
      expect(known?.labels).toEqual(expect.arrayContaining([...labelsOf(family)]));
    }
    const text = JSON.stringify([...seen.values()]);
    expect(text).not.toContain(secretTenant);
    expect(text).not.toContain(secretEntity);
    follower.leave();
  });

  it('counts what it did', async () => {
    const families = await scrape();
    const value = (name: string, labels?: Record<string, string>) =>
      valueIn(families, name, labels);
    expect(value('messages_sent_total', { message_type: 'CREATE_ENTITY' })).toBe(30);
    expect(value('messages_received_total', { message_type: 'CREATE_ENTITY' })).toBe(30);
    expect(value('messages_dlq_total', { code: 'MESSAGE_NOT_JSON' })).toBe(1);
    // Answers of the bus are used for a while.
    expect(value('subscription_backlog')).toBeGreaterThanOrEqual(0);
    expect(value('cognisync_dead_letters')).toBeGreaterThanOrEqual(0);
    expect(value('cognisync_log_position')).toBe(30);
    expect(value('cognisync_active_actors')).toBe(30);
    expect(value('cognisync_shards_held')).toBeGreaterThan(0);
    expect(value('cognisync_projection_lag_events', { projection: 'history' })).toBe(0);
    expect(value('cognisync_redis_up')).toBe(1);
    expect(value('messaging_client_consumed_messages_total', { messaging_system: 'redis' })).toBe(
      31,
    );
  });

  it('pushes the same to a collector, with where they come from', async () => {
    const body = await until('a push that has what a scrape has', () => {
      const last = pushed.at(-1);
      return last?.includes('"redis_connected_clients"') ? last : null;
    });
    const { resourceMetrics } = JSON.parse(body);
    const attributes = Object.fromEntries(
      resourceMetrics[0].resource.attributes.map(
        ({ key, value }: { key: string; value: { stringValue: string } }) => [
          key,
          value.stringValue,
        ],
      ),
    );
    expect(attributes).toMatchObject({
      'service.name': 'cognisync',
      'service.version': expect.stringMatching(/^\d+\.\d+\.\d+$/),
      'service.instance.id': expect.any(String),
      'deployment.environment.name': 'test',
    });
    const metrics: { name: string; unit: string }[] = resourceMetrics[0].scopeMetrics.flatMap(
      (one: { metrics: { name: string; unit: string }[] }) => one.metrics,
    );
    const units = new Map(goldenMetrics.map(({ name, unit }) => [name, unit]));
    for (const { name, unit } of metrics) expect(units.get(translated(name, unit))).toBe(unit);
  });

  it.runIf(hasPromtool)('passes promtool', async () => {
    const { body } = await ask(node.url, '/metrics');
    const { stderr, status } = spawnSync('promtool', ['check', 'metrics'], { input: body });
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
  });

  it('refuses to be told metrics', async () => {
    expect(await ask(node.url, '/metrics', { body: {} })).toMatchObject({
      status: 405,
      body: { code: 'METHOD_NOT_ALLOWED' },
    });
  });
});

/** As Prometheus and the collector make their names of OTLP's. */
function translated(name: string, unit: string): string {
  const words = name.replaceAll(/[^A-Za-z0-9_]/g, '_');
  const suffix = { s: '_seconds', By: '_bytes' }[unit] ?? '';
  const base = words.replace(/_total$/, '');
  const full = base.endsWith(suffix) ? base : base + suffix;
  return goldenMetrics.some((one) => one.name === `${full}_total`) ? `${full}_total` : full;
}
