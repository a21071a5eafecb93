/** What doctor says of services, well and not: real servers, a port that is closed, one that says nothing. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '#infra';
import { startBroker, subscription, topic } from '#test/broker';
import { KurrentStandIn } from '#test/kurrentdb';
import { grpcError } from '#test/kurrentdb-wire';
import { openModelServer } from '#test/model-server';
import { createDatabase, hasPostgres, hasVectors } from '#test/postgres';
import { freePort, hasRedis, openRedis } from '#test/redis';
import { servicesOf } from '../../infra/cli/doctor-services.ts';
import { versionFinding } from '../../infra/cli/doctor-stores.ts';
import { diskFinding } from '../../infra/cli/finding.ts';

type Environment = Readonly<Record<string, string>>;

/** The least that a busy machine needs to answer. */
const answerMs = 3_000;

async function found(environment: Environment, patienceMs = answerMs) {
  const findings = await servicesOf(readConfig(environment), environment, patienceMs);
  for (const { advice, status } of findings) expect(advice === null).toBe(status === 'healthy');
  return findings.map(({ name, status, words }) => `${status} ${name} ${words}`);
}

/** All services, at a place. */
const servicesAt = (port: number): Environment => ({
  DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${port}/d`,
  KURRENTDB_URL: `kurrentdb://127.0.0.1:${port}?tls=false`,
  SERVICE_BUS_CONNECTION_STRING: brokerAt(port),
  SERVICE_BUS_OUTBOUND_TOPIC_NAME: 'told',
  REDIS_URL: `redis://127.0.0.1:${port}`,
  EMBEDDINGS_URL: `http://127.0.0.1:${port}`,
  EMBEDDINGS_MODEL: 'some',
  EMBEDDINGS_DIMENSIONS: '64',
  CHAT_URL: `http://127.0.0.1:${port}`,
  CHAT_MODEL: 'some',
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
});
const brokerAt = (port: number) =>
  `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=k;SharedAccessKey=hunter2;UseDevelopmentEmulator=true;`;
const redisBusAt = (url: string): Environment => ({ REDIS_URL: url, MESSAGE_BUS: 'redis' });

describe('doctor on services that are not there', () => {
  let silent: Server;
  const sockets = new Set<{ destroy(): void }>();
  beforeAll(async () => {
    silent = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
    }).listen(0, '127.0.0.1');
    await once(silent, 'listening');
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('says nothing of what is not named', async () => {
    expect(await found({})).toEqual([]);
  });

  it.concurrent('names each where the port is closed', async () => {
    const port = await freePort();
    const [all, bus] = await Promise.all([
      found(servicesAt(port)),
      found(redisBusAt(`redis://127.0.0.1:${port}`)),
    ]);
    expect(all).toEqual([
      expect.stringMatching(/^unhealthy PostgreSQL of DATABASE_URL can't be used: .*ECONNREFUSED/),
      expect.stringMatching(/^unhealthy KurrentDB of KURRENTDB_URL can't be used: /),
      expect.stringMatching(/^unhealthy Service Bus does not answer: /),
      expect.stringMatching(/^unhealthy Service Bus does not answer: /),
      expect.stringMatching(/^degraded Redis of REDIS_\* does not let us in: .*ECONNREFUSED/),
      expect.stringMatching(/^degraded embedding model gives no vectors: /),
      'degraded language model does not answer: ECONNREFUSED',
      `degraded collector 127.0.0.1:${port} does not answer: ECONNREFUSED`,
    ]);
    expect(bus).toEqual([expect.stringMatching(/^unhealthy Redis of REDIS_\* can't be used: /)]);
    expect(all.join()).not.toContain('hunter2');
  });

  it.concurrent('waits for none that takes the connection and says nothing', async () => {
    const { port } = silent.address() as AddressInfo;
    const all = await found(servicesAt(port), 300);
    expect(all.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'unhealthy PostgreSQL',
      'unhealthy KurrentDB',
      'unhealthy Service',
      'unhealthy Service',
      'degraded Redis',
      'degraded embedding',
      // They were asked for a connection, no more.
      'healthy language',
      'healthy collector',
    ]);
    expect(await found(redisBusAt(`redis://127.0.0.1:${port}`), 300)).toEqual([
      expect.stringMatching(/^unhealthy Redis/),
    ]);
  });

  it('judges disks and versions by their numbers', () => {
    const GiB = 1024 ** 3;
    expect([3 * GiB, GiB, 1].map((free) => diskFinding(free).status)).toEqual([
      'healthy',
      'degraded',
      'unhealthy',
    ]);
    expect(versionFinding('15.8 (Debian)').status).toBe('healthy');
    expect(versionFinding('14.1')).toMatchObject({ status: 'degraded' });
  });
});

describe('doctor on brokers, logs and models', () => {
  it('is content with a Service Bus that has all, and names each thing that it has not', async () => {
    const graph = [
      subscription('knowledge-graph-subscription', { requiresSession: true }),
      subscription('knowledge-graph-subscription-intake'),
    ];
    const broker = await startBroker({
      topics: [topic('cognisync-events', graph), topic('told', [])],
    });
    const env = {
      SERVICE_BUS_CONNECTION_STRING: broker.connectionString,
      SERVICE_BUS_OUTBOUND_TOPIC_NAME: 'told',
    };
    const wrong = { ...env, SERVICE_BUS_SUBSCRIPTION_NAME: 'other' };
    expect(await found({ ...wrong, SERVICE_BUS_OUTBOUND_TOPIC_NAME: 'nobodys' })).toEqual([
      'unhealthy Service Bus is not as it must be: subscription other of cognisync-events is missing',
      'unhealthy Service Bus is not as it must be: subscription other-intake of cognisync-events is missing',
      'unhealthy Service Bus is not as it must be: topic nobodys is missing',
    ]);
    const [both] = await found(env);
    // Its subscriptions take everything, which is what is wrong with them.
    expect(both).toContain('takes everything');
    const mayNot = broker.connectionString.replace(
      /SharedAccessKey=[^;]+/,
      'SharedAccessKey=wrong',
    );
    const refused = await found({ SERVICE_BUS_CONNECTION_STRING: mayNot });
    expect(refused).toHaveLength(3);
    for (const line of refused) {
      expect(line).toMatch(/^unhealthy Service Bus .* may not be entered: UnauthorizedAccess/);
    }
    broker.takeTroubles();
    await broker.stop();
  });

  it('is content with a KurrentDB that answers, and asks for rights where it refuses', async () => {
    const server = await KurrentStandIn.start();
    expect(await found({ KURRENTDB_URL: server.url })).toEqual(['healthy KurrentDB answers']);
    server.faults.refusal = grpcError('PERMISSION_DENIED', 'Access Denied', {
      exception: 'access-denied',
    });
    const [refused] = await servicesOf(readConfig({ KURRENTDB_URL: server.url }), {}, answerMs);
    expect(refused).toMatchObject({
      status: 'unhealthy',
      words: expect.stringContaining("of KURRENTDB_URL can't be used"),
      advice: expect.stringContaining('Check user and password of KURRENTDB_URL'),
    });
    server.kill();
  });

  it('asks a model for one vector, and says what the model says', async () => {
    const server = await openModelServer({ dimensions: 64, apiKey: 'the-key' });
    const env = { EMBEDDINGS_URL: server.url, EMBEDDINGS_MODEL: 'm', EMBEDDINGS_DIMENSIONS: '64' };
    const asked = (more: Environment) => found({ ...env, ...more });
    expect(await asked({ EMBEDDINGS_API_KEY: 'the-key' })).toEqual([
      'healthy embedding model gives vectors of 64 dimensions',
    ]);
    expect(await asked({ EMBEDDINGS_API_KEY: 'another' })).toEqual([
      expect.stringMatching(/^degraded embedding model gives no vectors: .*401/),
    ]);
    expect(await asked({ EMBEDDINGS_API_KEY: 'the-key', EMBEDDINGS_DIMENSIONS: '128' })).toEqual([
      expect.stringMatching(/^degraded embedding model gives no vectors: .*dimensions/),
    ]);
    await server.close();
  });

  it('names a folder without a model', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cognisync-'));
    expect(await found({ EMBEDDINGS_MODEL_FOLDER: folder })).toEqual([
      expect.stringMatching(/^unhealthy embedding model gives no vectors: /),
    ]);
    await rm(folder, { recursive: true });
  });
});

describe.runIf(hasRedis)('doctor on a Redis', () => {
  it.each<[settings: Environment, asBus: RegExp, shared: RegExp]>([
    [{ appendonly: 'yes', appendfsync: 'always' }, /^healthy Redis can be the bus$/, /^healthy/],
    [{ appendonly: 'yes', appendfsync: 'everysec' }, /^degraded .*appendfsync is/, /^healthy/],
    [{ appendonly: 'no' }, /^degraded .*appendonly is off/, /^healthy Redis [\d.]+ answers$/],
    [{ maxmemory: '64mb', 'maxmemory-policy': 'allkeys-lru' }, /^unhealthy .*throws/, /^healthy/],
    [
      { maxmemory: '64mb', 'maxmemory-policy': 'noeviction' },
      /^degraded .*appendonly/,
      /^degraded .*nothing more is cached/,
    ],
    [{ requirepass: 'word' }, /^unhealthy .*NOAUTH/, /^degraded .*NOAUTH/],
  ])('with %j', async (settings, asBus, shared) => {
    const server = await openRedis(settings);
    expect(await found(redisBusAt(server.url))).toEqual([expect.stringMatching(asBus)]);
    expect(await found({ REDIS_URL: server.url })).toEqual([expect.stringMatching(shared)]);
    await server.close();
  });
});

describe.runIf(hasPostgres)('doctor on a PostgreSQL', () => {
  it('is content, then names what its user may not do', async () => {
    const database = await createDatabase();
    const role = `doctor_${process.pid}`;
    const admin = new pg.Client(database.url);
    await admin.connect();
    await admin.query(`CREATE ROLE ${role} LOGIN`);
    const theirs = database.url.replace('postgres@', `${role}@`);
    const vectors = (line: RegExp) => (hasVectors ? [expect.stringMatching(line)] : []);
    const only = hasVectors ? {} : { EMBEDDINGS: 'off' };
    expect(await found({ DATABASE_URL: database.url, ...only })).toEqual([
      expect.stringMatching(/^healthy PostgreSQL \d+.* answers$/),
      ...vectors(/^healthy pgvector is \d/),
    ]);
    expect(await found({ DATABASE_URL: theirs, ...only })).toEqual([
      'unhealthy PostgreSQL does not let the user of DATABASE_URL make schemas',
      ...vectors(/^unhealthy pgvector is not in the database/),
    ]);
    const off = await found({ DATABASE_URL: database.url, EMBEDDINGS: 'off' });
    expect(off).toHaveLength(1);
    await admin.query(`DROP ROLE ${role}`);
    await admin.end();
    await database.drop();
  });
});
