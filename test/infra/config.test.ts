import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { readConfig, readDataDir, readPlace } from '#infra';
import { RuntimeError } from '#runtime';
import { secretsIn } from '../../infra/redaction.ts';

const folder = mkdtempSync(join(tmpdir(), 'cognisync-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function connectionsFile(content: unknown): string {
  const path = join(folder, `${Math.random()}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function mistakesOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(RuntimeError);
    const { code, data, message } = thrown as RuntimeError;
    expect(code).toBe('CONFIG_INVALID');
    expect(message).toBe((data.mistakes as string[]).join('\n'));
    return data.mistakes as string[];
  }
  return [];
}

const signed = { system: 'jira', tenantId: 'acme', site: 'acme.atlassian.net', secret: 's3cret' };
const { secret: _, ...unsigned } = signed;

describe('the configuration', () => {
  it('needs nothing to be set', () => {
    const config = readConfig({});
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      dataDir: resolve('data'),
      logLevel: 'info',
      serviceBus: {
        topicName: 'cognisync-events',
        subscriptionName: 'knowledge-graph-subscription',
      },
      blobs: { container: 'cognisync' },
      redis: {
        tls: false,
        channelPrefix: 'cognisync',
        notificationChannel: 'notifications',
        cacheInvalidationChannel: 'cache-invalidation',
      },
      warnings: [],
    });
    expect([...config.connections.keys()]).toEqual(['jira', 'confluence']);
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('takes every variable of the specification', () => {
    const config = readConfig({
      PORT: '0',
      HOST: '::1',
      DATA_DIR: '/var/lib/cognisync',
      LOG_LEVEL: 'DEBUG',
      REBUILD_ON_START: 'never',
      DATABASE_URL: 'postgres://ann:pw@db:5432/graph',
      KURRENTDB_URL: 'kurrentdb+discover://ann:pw@a:2113,b:2113',
      SERVICE_BUS_CONNECTION_STRING:
        'Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=k',
      SERVICE_BUS_NAMESPACE: 'x.servicebus.windows.net',
      SERVICE_BUS_TOPIC_NAME: 'events',
      SERVICE_BUS_SUBSCRIPTION_NAME: 'graph',
      SERVICE_BUS_OUTBOUND_TOPIC_NAME: 'happened',
      BLOB_STORAGE_URL: 'https://acme.blob.core.windows.net',
      BLOB_STORAGE_CONTAINER: 'bodies',
      REDIS_URL: 'rediss://cache:6380',
      REDIS_PASSWORD: ' p ',
      REDIS_DB: '3',
      REDIS_CHANNEL_PREFIX: 'c',
      REDIS_NOTIFICATION_CHANNEL: 'n',
      REDIS_CACHE_INVALIDATION_CHANNEL: 'i',
    });
    expect(config).toMatchObject({
      port: 0,
      host: '::1',
      dataDir: '/var/lib/cognisync',
      logLevel: 'debug',
      rebuildOnStart: 'never',
      serviceBus: {
        namespace: 'x.servicebus.windows.net',
        topicName: 'events',
        subscriptionName: 'graph',
        outboundTopicName: 'happened',
      },
      blobs: { accountUrl: 'https://acme.blob.core.windows.net', container: 'bodies' },
      redis: {
        db: 3,
        channelPrefix: 'c',
        notificationChannel: 'n',
        cacheInvalidationChannel: 'i',
      },
    });
    expect(config.databaseUrl?.reveal()).toBe('postgres://ann:pw@db:5432/graph');
    expect(config.kurrentDbUrl?.reveal()).toBe('kurrentdb+discover://ann:pw@a:2113,b:2113');
    expect(config.redis.password?.reveal()).toBe(' p ');
  });

  it('takes the places of Sentinels and of a Cluster, and how to enter', () => {
    const entry = { REDIS_USERNAME: 'node', REDIS_TLS: 'TRUE', REDIS_SENTINEL_PASSWORD: 's' };
    const places = [
      { host: 'one', port: 26379 },
      { host: '::1', port: 1 },
    ];
    const { redis } = readConfig({ REDIS_SENTINELS: 'one:26379, [::1]:1', ...entry });
    expect(redis).toMatchObject({
      sentinels: { master: 'mymaster', places },
      username: 'node',
      tls: true,
    });
    expect(redis.sentinelPassword?.reveal()).toBe('s');
    const named = { REDIS_SENTINELS: 'one:26379', REDIS_SENTINEL_MASTER: 'cache' };
    expect(readConfig(named).redis.sentinels?.master).toBe('cache');
    const cluster = { REDIS_CLUSTER_NODES: 'one:26379,[::1]:1', REDIS_DB: '0', REDIS_TLS: '0' };
    expect(readConfig(cluster).redis).toMatchObject({ clusterNodes: places, tls: false });
  });

  it('takes Redis for the bus where it is told to, and can', () => {
    const [REDIS_URL, MESSAGE_BUS] = ['redis://cache', 'redis'];
    expect(readConfig({ REDIS_URL })).not.toHaveProperty('messageBus');
    expect(readConfig({ REDIS_URL, MESSAGE_BUS })).toMatchObject({ messageBus: 'redis' });
    expect(mistakesOf({ MESSAGE_BUS })).toEqual(['MESSAGE_BUS is redis, which needs REDIS_URL']);
    const other = { SERVICE_BUS_NAMESPACE: 'x.servicebus.windows.net' };
    expect(mistakesOf({ REDIS_URL, MESSAGE_BUS, ...other })).toEqual([
      'MESSAGE_BUS is redis, and a Service Bus is named; it must be one of them',
    ]);
    expect(mistakesOf({ REDIS_URL, MESSAGE_BUS: 'kafka' })).toEqual([
      'MESSAGE_BUS is "kafka"; it must be redis, or absent',
    ]);
  });

  it('warns where large bodies would be seen by one machine only', () => {
    const access = { SERVICE_BUS_NAMESPACE: 'x.servicebus.windows.net' };
    expect(readConfig(access).warnings).toEqual([expect.stringContaining('BLOB_STORAGE_')]);
    const BLOB_STORAGE_URL = 'https://acme.blob.core.windows.net';
    expect(readConfig({ ...access, BLOB_STORAGE_URL }).warnings).toEqual([]);
    const SERVICE_BUS_CONNECTION_STRING =
      'Endpoint=sb://127.0.0.1;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true;';
    expect(readConfig({ SERVICE_BUS_CONNECTION_STRING }).warnings).toEqual([]);
  });

  it('takes an empty variable for an absent one', () => {
    expect(readConfig({ PORT: '', DATABASE_URL: '  ' })).toMatchObject({ port: 3000 });
  });

  it.each([
    [
      'SERVICE_BUS_OUTBOUND_TOPIC_NAME',
      'cognisync-events',
      'SERVICE_BUS_OUTBOUND_TOPIC_NAME is cognisync-events, which this node listens to itself; it must be another',
    ],
    [
      'SERVICE_BUS_OUTBOUND_TOPIC_NAME',
      'told',
      'SERVICE_BUS_OUTBOUND_TOPIC_NAME is set, which needs a Service Bus',
    ],
    ['PORT', '70000', 'PORT is "70000"; it must be a whole number from 0 to 65535'],
    ['PORT', '3e3', 'PORT is "3e3"; it must be a whole number from 0 to 65535'],
    ['HOST', 'not a host', 'HOST is "not a host"; it must be an IP address or a host name'],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL is "loud"; it must be one of trace, debug, info, warn'],
    ['REBUILD_ON_START', 'no', 'REBUILD_ON_START is "no"; it must be auto or never'],
    ['REDIS_DB', '-1', 'REDIS_DB is "-1"; it must be a whole number from 0 to 65535'],
    ['REDIS_CHANNEL_PREFIX', 'a b', 'REDIS_CHANNEL_PREFIX is "a b"; it must match'],
    ['REDIS_TLS', 'yes', 'REDIS_TLS is "yes"; it must be true or false'],
    ['REDIS_SENTINELS', 'one', 'REDIS_SENTINELS is "one"; it must be host:port, and commas'],
    ['REDIS_CLUSTER_NODES', 'one:1,two:70000', 'REDIS_CLUSTER_NODES is "one:1,two:70000"; it'],
    ['SERVICE_BUS_TOPIC_NAME', '-', 'SERVICE_BUS_TOPIC_NAME is "-"; it must match'],
    ['SERVICE_BUS_NAMESPACE', 'a/b', 'SERVICE_BUS_NAMESPACE is "a/b"; it must be a host name'],
  ])('refuses %s=%s', (name, value, mistake) => {
    expect(mistakesOf({ [name]: value })).toEqual([expect.stringContaining(mistake)]);
  });

  it.each([
    ['DATABASE_URL', 'mysql://ann:hunter2@db/x'],
    ['KURRENTDB_URL', 'http://ann:hunter2@db:2113'],
    ['KURRENTDB_URL', 'kurrentdb://ann:hunter2@'],
    ['REDIS_URL', 'http://:hunter2@cache'],
    ['SERVICE_BUS_CONNECTION_STRING', 'SharedAccessKey=hunter2'],
  ])('says that %s is wrong without repeating it', (name, value) => {
    const [mistake] = mistakesOf({ [name]: value });
    expect(mistake).toContain(`${name} has the wrong form; it must be`);
    expect(mistake).not.toContain('hunter2');
  });

  it('refuses a Redis in two places, and a database of a Cluster', () => {
    const places = { REDIS_URL: 'redis://one', REDIS_CLUSTER_NODES: 'two:6379', REDIS_DB: '3' };
    expect(mistakesOf(places)).toEqual([
      'REDIS_URL and REDIS_CLUSTER_NODES are set; one of them must say where Redis is',
      'REDIS_DB is 3; it must be 0 on a Cluster, which has no other',
    ]);
  });

  it('tells all mistakes at once, those of the connections file too', () => {
    const file = connectionsFile({ jira: { ...signed, system: 'trello' } });
    const mistakes = mistakesOf({ PORT: 'x', LOG_LEVEL: 'y', CONNECTIONS_FILE: file });
    expect(mistakes).toHaveLength(3);
    expect(mistakes[2]).toContain('CONNECTIONS_FILE: connection "jira": /system');
  });

  it('shows no secret, however it is printed', () => {
    const { connections: _, ...config } = readConfig({
      DATABASE_URL: 'postgres://ann:hunter2@db/x',
      REDIS_PASSWORD: 'hunter2',
    });
    expect(JSON.stringify(config)).not.toContain('hunter2');
    expect(inspect(config, { depth: null, showHidden: true })).not.toContain('hunter2');
    expect(`${config.databaseUrl}`).toBe('[secret]');
  });

  it('reads the connections file', () => {
    const { connections } = readConfig({ CONNECTIONS_FILE: connectionsFile({ a: signed }) });
    expect([...connections.values()]).toMatchObject([{ id: 'a', tenantId: 'acme' }]);
  });

  it('refuses a connections file that is not there, or no JSON, without quoting it', () => {
    expect(mistakesOf({ CONNECTIONS_FILE: join(folder, 'nowhere') })[0]).toContain('ENOENT');
    const file = connectionsFile('{"secret": hunter2');
    expect(mistakesOf({ CONNECTIONS_FILE: file })).toEqual([
      `CONNECTIONS_FILE: ${file} holds no JSON`,
    ]);
  });

  it('refuses an unsigned connection on a server that listens wider than loopback', () => {
    const file = connectionsFile({ open: unsigned, closed: signed });
    expect(mistakesOf({ CONNECTIONS_FILE: file, HOST: '127.0.0.1' })).toEqual([]);
    for (const HOST of ['0.0.0.0', '::', 'node.example.org', '10.0.0.1']) {
      expect(mistakesOf({ CONNECTIONS_FILE: file, HOST })).toEqual([
        expect.stringContaining('connection "open" takes unsigned deliveries'),
      ]);
    }
  });

  it('has no connections, and says so, where it listens wider and none are configured', () => {
    const OPERATOR_TOKENS = 'ann:a-token-of-ann-0001';
    const { connections, warnings } = readConfig({ HOST: '0.0.0.0', OPERATOR_TOKENS });
    expect(connections.size).toBe(0);
    expect(warnings).toEqual([expect.stringContaining('CONNECTION_UNKNOWN')]);
  });

  it('takes operators by name and token, and shows no token', () => {
    const OPERATOR_TOKENS = 'ann:a-token-of-ann-0001, bob:a:token/of=bob+0002,';
    expect(mistakesOf({ OPERATOR_TOKENS })).toHaveLength(1);
    const config = readConfig({ OPERATOR_TOKENS: OPERATOR_TOKENS.slice(0, -1) });
    expect(config.operators.map(({ name, token }) => [name, token.reveal()])).toEqual([
      ['ann', 'a-token-of-ann-0001'],
      ['bob', 'a:token/of=bob+0002'],
    ]);
    expect(JSON.stringify(config) + inspect(config, { depth: 9 })).not.toContain('token-of-ann');
    const secrets = ['a-token-of-ann-0001', 'a:token/of=bob+0002'];
    expect(secretsIn(config)).toEqual(expect.arrayContaining(secrets));
  });

  it.each([
    ['no name', 'a-token-of-ann-0001'],
    ['a short token', 'ann:short'],
    ['the name of nobody', 'anonymous:a-token-of-ann-0001'],
    ['a name with a blank', 'a nn:a-token-of-ann-0001'],
    ['a token with a blank', 'ann:a token of ann 0001'],
    ['an empty entry', 'ann:a-token-of-ann-0001,,bob:a-token-of-bob-0002'],
    ['a name twice', 'ann:a-token-of-ann-0001,ann:a-token-of-bob-0002'],
    ['a token twice', 'ann:a-token-of-ann-0001,bob:a-token-of-ann-0001'],
  ])('refuses operators with %s, and does not show them', (_, OPERATOR_TOKENS) => {
    const mistakes = mistakesOf({ OPERATOR_TOKENS });
    expect(mistakes).toEqual([expect.stringMatching(/^OPERATOR_TOKENS has /)]);
    expect(mistakes.join()).not.toMatch(/token-of|short|token of/);
  });

  it('warns of operators without tokens where others than this machine can come', () => {
    const [, warning] = readConfig({ HOST: '0.0.0.0' }).warnings;
    expect(warning).toContain('no OPERATOR_TOKENS, and HOST is 0.0.0.0');
    expect(readConfig({}).warnings).toEqual([]);
  });

  it('lets clients read their part though the rest is wrong', () => {
    const env = { PORT: '8080', LOG_LEVEL: 'loud', DATA_DIR: '/d' };
    expect(readPlace(env)).toEqual({ host: '127.0.0.1', port: 8080 });
    expect(readDataDir(env)).toBe('/d');
    expect(() => readPlace({ PORT: 'x' })).toThrow('PORT');
  });
});
