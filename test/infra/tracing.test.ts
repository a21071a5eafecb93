/** The life of OpenTelemetry's SDK in a node that is started as `npm start` does. */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createEntity } from '#test/messages';
import { openModelServer } from '#test/model-server';
import { type OtlpReceiver, openOtlpReceiver, type ReceivedSpan } from '#test/otlp-receiver';
import { type RunningNode, startNode } from '#test/process';
import { ask, temporaryFolder } from '#test/served';
import { until } from '#test/until';

const endings: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of endings.reverse()) await end();
});

const flags = ['--import', './test/support/loaded-packages.ts', '--import', './infra/otel.ts'];

async function start(env: Readonly<Record<string, string>>): Promise<RunningNode> {
  const folder = await temporaryFolder();
  endings.push(() => rm(folder, { recursive: true }));
  const node = await startNode({ DATA_DIR: join(folder, 'data'), ...env }, flags);
  endings.push(async () => {
    node.child.kill('SIGKILL');
    await node.ended;
  });
  return node;
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const traceOf = (digit: string) => digit.repeat(32);
const inTrace = (digit: string) => ({ traceparent: `00-${traceOf(digit)}-${'6'.repeat(16)}-01` });

let sent = 0;
/** So many commands, each of which is accepted, in one trace. */
async function send(node: RunningNode, count: number, trace: string): Promise<void> {
  const asked = Array.from({ length: count }, () => {
    sent += 1;
    return ask(node.url, '/commands', {
      body: createEntity({ id: `entity-${sent}`, properties: { text: `ferry ${sent}` } }),
      headers: inTrace(trace),
    });
  });
  const statuses = new Set((await Promise.all(asked)).map(({ status }) => status));
  expect([...statuses]).toEqual([202]);
}

const spansIn = ({ spans }: OtlpReceiver, trace: string) =>
  spans.filter(({ traceId }) => traceId === traceOf(trace));
/** Names from a span up to the one that nothing received is above. */
function pathTo(name: string, spans: readonly ReceivedSpan[]): readonly string[] {
  const path: string[] = [];
  let span = spans.find((one) => one.name === name);
  while (span !== undefined) {
    path.push(span.name);
    const { parentSpanId } = span;
    span = spans.find(({ spanId }) => spanId === parentSpanId);
  }
  return path;
}
const linesOf = (said: string, name: string) =>
  said
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => msg === name);

describe('a node whose collector is away', () => {
  it('serves, says so, and sends again when it is back, to the last span', async () => {
    const model = await openModelServer();
    endings.push(() => model.close());
    const port = await closedPort();
    const node = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_EXPORTER_OTLP_TIMEOUT: '100',
      OTEL_TRACES_SAMPLER: 'sometimes',
      // Nothing is sent for its age.
      OTEL_BSP_SCHEDULE_DELAY: '600000',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '8',
      EMBEDDINGS_URL: model.url,
      EMBEDDINGS_MODEL: 'hash-64',
      EMBEDDINGS_DIMENSIONS: '64',
    });
    expect(node.said()).toContain('unknown OTEL_TRACES_SAMPLER value \\"sometimes\\"');
    const failures = () => linesOf(node.said(), 'tracing-failed');
    await until('it told twice', async () => {
      await send(node, 10, '1');
      return failures().length > 1;
    });
    expect(failures()[0].err.message).toContain('ECONNREFUSED');
    expect(failures()[1].unwritten).toBeGreaterThan(0);

    const receiver = await openOtlpReceiver(port);
    endings.push(() => receiver.close());
    await until('spans arrive', async () => {
      await send(node, 1, '2');
      return spansIn(receiver, '2').length > 0;
    });

    const body = { q: 'ferry' };
    // The index makes its tables when it first has something to do.
    await until('it can be searched', async () => {
      const asked = { body, tenant: 'acme', headers: inTrace('3') };
      const { status } = await ask(node.url, '/search', asked);
      expect([200, 503]).toContain(status);
      return status === 200;
    });
    node.child.kill('SIGTERM');
    expect(await node.ended).toMatchObject({ code: 0 });
    // The call to the model, over HTTP, is a part of the search.
    const above = pathTo('POST', spansIn(receiver, '3'));
    expect(above[1]).toBe('embeddings hash-64');
    expect(above.at(-1)).toBe('POST /search');
    expect(node.said().match(/^loaded @opentelemetry\/sdk-node in .*$/gm)).toEqual([
      'loaded @opentelemetry/sdk-node in thread 0',
    ]);
  });
});

describe('a node whose collector hangs', () => {
  it('keeps a bounded number of spans, and ends in time without the collector', async ({
    expect,
  }) => {
    const receiver = await openOtlpReceiver();
    endings.push(() => receiver.close());
    const node = await start({
      ...receiver.env,
      OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
      OTEL_BSP_EXPORT_TIMEOUT: '600000',
      OTEL_BSP_MAX_QUEUE_SIZE: '32',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '8',
    });
    const release = receiver.hold();
    await send(node, 100, '1');
    await until('the collector has some', () => receiver.held > 0);
    release();
    await until('it says how many are lost', async () => {
      await send(node, 1, '2');
      return node.said().includes('spans because maxQueueSize reached');
    });
    const kept = spansIn(receiver, '1').length;
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThanOrEqual(32 + 8);

    receiver.hold();
    await send(node, 1, '3');
    node.child.kill('SIGTERM');
    expect(await node.ended).toMatchObject({ code: 0, signal: null });
    expect(receiver.held).toBeGreaterThan(0);
  });
});

describe('a node that is not traced', () => {
  it('loads nothing of it, and says which variables it passes over', async () => {
    const node = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
      OTEL_METRICS_EXPORTER: 'graphite',
    });
    await send(node, 1, '1');
    for (const what of ['OTEL_EXPORTER_OTLP_ENDPOINT has the wrong form', 'graphite']) {
      expect(node.said()).toContain(what);
    }
    const loaded = [...node.said().matchAll(/^loaded (\S+) in/gm)].map(([, name]) => name!);
    expect(loaded).toContain('fastify');
    const ofTraces =
      /^(@opentelemetry\/(sdk-(node|trace)|instrumentation|context)|@fastify\/otel|import-in)/;
    expect(loaded.filter((name) => ofTraces.test(name))).toEqual([]);
  });
});
