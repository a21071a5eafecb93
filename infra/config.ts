/**
 * Everything that can be configured, read from the environment once and checked whole.
 *
 * The one file that reads process.env. All mistakes, those of the connections file too, come in one
 * CONFIG_INVALID: the variable, what is wrong, what is allowed. An empty variable counts as absent.
 * Secrets are `Secret`s, so that a config can be logged; connections hold theirs plainly and are logged
 * by id only.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import {
  type Connection,
  defaultConnections,
  isSigned,
  parseConnections,
} from '#adapters/atlassian';
import { RuntimeError } from '#runtime';
import {
  chatIn,
  type EmbeddingsSettings,
  type EndpointSettings,
  embeddingsIn,
} from './models-settings.ts';
import { type OperatorSettings, operatorsIn } from './operators.ts';
import { type Environment, Reading } from './reading.ts';
import { hasRedis, type RedisSettings, redisIn } from './redis-settings.ts';
import type { Secret } from './secret.ts';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Where a server listens, and where its clients find it. */
export interface Place {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface Config extends Place {
  /** Absolute. */
  readonly dataDir: string;
  readonly logLevel: LogLevel;
  /** What becomes of rows that an older version of a projection built. */
  readonly rebuildOnStart: 'auto' | 'never';
  readonly connections: ReadonlyMap<string, Connection>;
  /** None: everybody may do what operators do. */
  readonly operators: readonly OperatorSettings[];
  /** Absent: the embedded read store. */
  readonly databaseUrl?: Secret;
  /** Absent: the embedded log. */
  readonly kurrentDbUrl?: Secret;
  readonly serviceBus: {
    readonly connectionString?: Secret;
    readonly namespace?: string;
    readonly topicName: string;
    readonly subscriptionName: string;
    /** Absent: nothing is told to other services. */
    readonly outboundTopicName?: string;
  };
  /** Absent: Service Bus where one is named, else the in-process bus. */
  readonly messageBus?: 'redis';
  /** Where bodies lie that are too large for Service Bus; neither: in the data folder. */
  readonly blobs: {
    readonly connectionString?: Secret;
    readonly accountUrl?: string;
    readonly container: string;
  };
  readonly redis: RedisSettings;
  readonly embeddings: EmbeddingsSettings;
  /** Absent: no language model writes answers. */
  readonly chat?: EndpointSettings;
  /** What the operator should know before the node serves; one sentence each. */
  readonly warnings: readonly string[];
}

/** The environment of this process, for those who must pass it on to another. */
export function environment(): Environment {
  return process.env;
}

/** Where the server listens, for clients that need nothing else. Throws CONFIG_INVALID. */
export function readPlace(env: Environment = environment()): Place {
  const reading = new Reading(env);
  const place = placeIn(reading);
  reading.finish();
  return place;
}

/** What a client shows a node that asks for operators; absent: nothing. Throws CONFIG_INVALID. */
export function readToken(env: Environment = environment()): Secret | undefined {
  const reading = new Reading(env);
  const token = reading.secret('COGNISYNC_TOKEN', 'must be the token of an operator', (text) =>
    /^[\x21-\x7e]+$/.test(text),
  );
  reading.finish();
  return token;
}

/** The folder of the log, for a reader beside the node. Throws CONFIG_INVALID. */
export function readDataDir(env: Environment = environment()): string {
  const reading = new Reading(env);
  const dataDir = dataDirIn(reading);
  reading.finish();
  return dataDir;
}

/** Where the log is, for a reader beside the node. Throws CONFIG_INVALID. */
export function readLogPlace(
  env: Environment = environment(),
): Pick<Config, 'dataDir' | 'kurrentDbUrl'> {
  const reading = new Reading(env);
  const dataDir = dataDirIn(reading);
  const kurrentDbUrl = kurrentDbUrlIn(reading);
  reading.finish();
  return { dataDir, ...(kurrentDbUrl && { kurrentDbUrl }) };
}

/** The whole configuration, frozen. Throws CONFIG_INVALID; `data.mistakes` has them one by one. */
export function readConfig(env: Environment = environment()): Config {
  const reading = new Reading(env);
  const place = placeIn(reading);
  const dataDir = dataDirIn(reading);
  const logLevel = reading.take('LOG_LEVEL', `must be one of ${logLevels.join(', ')}`, (text) =>
    logLevels.find((level) => level === text.toLowerCase()),
  );
  const rebuildOnStart = reading.take('REBUILD_ON_START', 'must be auto or never', (text) =>
    (['auto', 'never'] as const).find((choice) => choice === text.toLowerCase()),
  );
  const databaseUrl = reading.secret(
    'DATABASE_URL',
    'must be postgres://user@host/database',
    isUrl(['postgres:', 'postgresql:']),
  );
  const kurrentDbUrl = kurrentDbUrlIn(reading);
  const serviceBus = serviceBusIn(reading);
  const blobs = blobsFrom(reading);
  if (isShared(serviceBus) && !blobs.connectionString && !blobs.accountUrl) {
    reading.warnings.push(
      'Service Bus is configured and no BLOB_STORAGE_*: bodies too large for it lie in DATA_DIR, ' +
        'where nodes on other machines do not see them',
    );
  }
  const redis = redisIn(reading);
  const messageBus = messageBusIn(reading, serviceBus, redis);
  const embeddings = embeddingsIn(reading);
  const chat = chatIn(reading);
  const connections = connectionsIn(reading, place);
  const operators = operatorsIn(reading);
  if (operators.length === 0 && !isLoopback(place.host)) {
    reading.warnings.push(
      `no OPERATOR_TOKENS, and HOST is ${place.host}: whoever reaches it may rebuild projections, and read, ` +
        'redrive and purge dead letters',
    );
  }
  reading.finish();
  return Object.freeze({
    ...place,
    dataDir,
    logLevel: logLevel ?? 'info',
    rebuildOnStart: rebuildOnStart ?? 'auto',
    connections,
    operators,
    ...(databaseUrl && { databaseUrl }),
    ...(kurrentDbUrl && { kurrentDbUrl }),
    serviceBus,
    ...(messageBus && { messageBus }),
    blobs,
    redis,
    embeddings,
    ...(chat && { chat }),
    warnings: reading.warnings,
  });
}

function placeIn(reading: Reading): Place {
  const host = reading.take('HOST', 'must be an IP address or a host name', (text) =>
    isIP(text) > 0 || hostName.test(text) ? text : undefined,
  );
  const port = reading.wholeNumber('PORT', 0, 65_535);
  return { host: host ?? '127.0.0.1', port: port ?? 3000 };
}

function kurrentDbUrlIn(reading: Reading): Secret | undefined {
  return reading.secret(
    'KURRENTDB_URL',
    'must be kurrentdb://user:password@host:2113 or kurrentdb+discover://…',
    (text) => /^(kurrentdb|esdb)(\+discover)?:\/\/[^\s/?@]+(@[^\s/?@]+)?\/?(\?\S*)?$/.test(text),
  );
}

function dataDirIn(reading: Reading): string {
  const folder = reading.take('DATA_DIR', 'must be a path', (text) => text);
  return resolve(folder ?? 'data');
}

function serviceBusIn(reading: Reading): Config['serviceBus'] {
  const connectionString = reading.secret(
    'SERVICE_BUS_CONNECTION_STRING',
    'must be Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…',
    (text) =>
      /(^|;)\s*Endpoint=sb:\/\/[^;\s]+/i.test(text) && /(^|;)\s*SharedAccessKey/i.test(text),
  );
  const namespace = reading.take('SERVICE_BUS_NAMESPACE', 'must be a host name', (text) =>
    hostName.test(text) ? text : undefined,
  );
  const topicName = reading.name('SERVICE_BUS_TOPIC_NAME', entityName);
  const subscriptionName = reading.name('SERVICE_BUS_SUBSCRIPTION_NAME', entityName);
  const outboundTopicName = reading.name('SERVICE_BUS_OUTBOUND_TOPIC_NAME', entityName);
  const topic = topicName ?? 'cognisync-events';
  const hasServiceBus = connectionString !== undefined || namespace !== undefined;
  if (outboundTopicName === topic) {
    reading.mistakes.push(
      `SERVICE_BUS_OUTBOUND_TOPIC_NAME is ${topic}, which this node listens to itself; it must be another`,
    );
  } else if (outboundTopicName !== undefined && !hasServiceBus) {
    reading.mistakes.push('SERVICE_BUS_OUTBOUND_TOPIC_NAME is set, which needs a Service Bus');
  }
  return {
    ...(connectionString && { connectionString }),
    ...(namespace && { namespace }),
    topicName: topic,
    subscriptionName: subscriptionName ?? 'knowledge-graph-subscription',
    ...(outboundTopicName && { outboundTopicName }),
  };
}

/** Whether nodes of several machines may be on it; a local broker serves one. */
function isShared({ connectionString, namespace }: Config['serviceBus']): boolean {
  if (connectionString === undefined) return namespace !== undefined;
  return !/UseDevelopmentEmulator=true/i.test(connectionString.reveal());
}

function blobsFrom(reading: Reading): Config['blobs'] {
  const connectionString = reading.secret(
    'BLOB_STORAGE_CONNECTION_STRING',
    'must be DefaultEndpointsProtocol=…;AccountName=…;AccountKey=…',
    (text) => /(^|;)\s*(AccountName|BlobEndpoint|UseDevelopmentStorage)=/i.test(text),
  );
  const accountUrl = reading.take(
    'BLOB_STORAGE_URL',
    'must be https://<account>.blob.core.windows.net',
    (text) => (isUrl(['https:'])(text) ? text : undefined),
  );
  const container = reading.name('BLOB_STORAGE_CONTAINER', containerName);
  return {
    ...(connectionString && { connectionString }),
    ...(accountUrl && { accountUrl }),
    container: container ?? 'cognisync',
  };
}

/** Redis serves other purposes too, so it is the bus only where that is asked for. */
function messageBusIn(
  reading: Reading,
  { connectionString, namespace }: Config['serviceBus'],
  redis: RedisSettings,
): 'redis' | undefined {
  const messageBus = reading.take('MESSAGE_BUS', 'must be redis, or absent', (text) =>
    text === 'redis' ? text : undefined,
  );
  if (messageBus === undefined) return undefined;
  if (!hasRedis(redis)) {
    reading.mistakes.push('MESSAGE_BUS is redis, which needs REDIS_URL');
  }
  if (connectionString !== undefined || namespace !== undefined) {
    reading.mistakes.push(
      'MESSAGE_BUS is redis, and a Service Bus is named; it must be one of them',
    );
  }
  return messageBus;
}

/** Unsigned deliveries are believed on loopback only: elsewhere anybody could write to the graph. */
function connectionsIn(reading: Reading, { host }: Place): ReadonlyMap<string, Connection> {
  const path = reading.take('CONNECTIONS_FILE', 'must be a path', (text) => resolve(text));
  if (path === undefined) {
    if (isLoopback(host)) return defaultConnections();
    reading.warnings.push(
      `no CONNECTIONS_FILE: the unsigned connections jira and confluence exist on loopback only, ` +
        `and HOST is ${host}, so that webhooks are refused with CONNECTION_UNKNOWN`,
    );
    return new Map();
  }
  const connections = connectionsOf(reading, path);
  for (const connection of isLoopback(host) ? [] : connections.values()) {
    if (isSigned(connection)) continue;
    reading.mistakes.push(
      `connection "${connection.id}" takes unsigned deliveries, and HOST is ${host}; ` +
        'give it a secret or a token, or listen on 127.0.0.1',
    );
  }
  return connections;
}

function connectionsOf(reading: Reading, path: string): ReadonlyMap<string, Connection> {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (thrown) {
    // A JSON error quotes the text around it, which may be a secret.
    const { code } = thrown as { code?: string };
    reading.mistakes.push(
      `CONNECTIONS_FILE: ${path} ${code === undefined ? 'holds no JSON' : `can't be read (${code})`}`,
    );
    return new Map();
  }
  try {
    return parseConnections(json);
  } catch (thrown) {
    if (!(thrown instanceof RuntimeError)) throw thrown;
    reading.mistakes.push(
      ...(thrown.data.mistakes as readonly string[]).map((one) => `CONNECTIONS_FILE: ${one}`),
    );
    return new Map();
  }
}

const hostName =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
const entityName = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,258}[A-Za-z0-9])?$/;
const containerName = /^[a-z0-9](-?[a-z0-9]){2,62}$/;

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);
}

function isUrl(protocols: readonly string[]): (text: string) => boolean {
  return (text) => {
    if (!URL.canParse(text)) return false;
    const { protocol, host } = new URL(text);
    return protocols.includes(protocol) && host !== '';
  };
}
