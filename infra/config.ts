/**
 * Everything that can be configured, read from the environment once and checked whole.
 *
 * The one file that reads process.env. All mistakes, those of the connections file too, come in one
 * CONFIG_INVALID: the variable, what is wrong, what is allowed. An empty variable counts as absent.
 * Secrets are `Secret`s, so that a config can be logged; connections hold theirs plainly and are logged
 * by id only.
 *
 * Redis has no adapter in this version. Its variables are checked for form, and the config carries a
 * warning where they are set, so that nobody waits for notifications that are not sent.
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
import { type Environment, Reading } from './reading.ts';
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
  readonly connections: ReadonlyMap<string, Connection>;
  /** Absent: the embedded read store. */
  readonly databaseUrl?: Secret;
  readonly serviceBus: {
    readonly connectionString?: Secret;
    readonly namespace?: string;
    readonly topicName: string;
    readonly subscriptionName: string;
    /** Absent: nothing is told to other services. */
    readonly outboundTopicName?: string;
  };
  /** Where bodies lie that are too large for Service Bus; neither: in the data folder. */
  readonly blobs: {
    readonly connectionString?: Secret;
    readonly accountUrl?: string;
    readonly container: string;
  };
  readonly redis: {
    readonly url?: Secret;
    readonly password?: Secret;
    readonly db: number;
    readonly channelPrefix: string;
    readonly notificationChannel: string;
    readonly cacheInvalidationChannel: string;
  };
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

/** The folder of the log, for a reader beside the node. Throws CONFIG_INVALID. */
export function readDataDir(env: Environment = environment()): string {
  const reading = new Reading(env);
  const dataDir = dataDirIn(reading);
  reading.finish();
  return dataDir;
}

/** The whole configuration, frozen. Throws CONFIG_INVALID; `data.mistakes` has them one by one. */
export function readConfig(env: Environment = environment()): Config {
  const reading = new Reading(env);
  const place = placeIn(reading);
  const dataDir = dataDirIn(reading);
  const logLevel = reading.take('LOG_LEVEL', `must be one of ${logLevels.join(', ')}`, (text) =>
    logLevels.find((level) => level === text.toLowerCase()),
  );
  const databaseUrl = reading.secret(
    'DATABASE_URL',
    'must be postgres://user@host/database',
    isUrl(['postgres:', 'postgresql:']),
  );
  const serviceBus = serviceBusIn(reading);
  const blobs = blobsFrom(reading);
  if (isShared(serviceBus) && !blobs.connectionString && !blobs.accountUrl) {
    reading.warnings.push(
      'Service Bus is configured and no BLOB_STORAGE_*: bodies too large for it lie in DATA_DIR, ' +
        'where nodes on other machines do not see them',
    );
  }
  const redis = redisIn(reading);
  const connections = connectionsIn(reading, place);
  reading.finish();
  return Object.freeze({
    ...place,
    dataDir,
    logLevel: logLevel ?? 'info',
    connections,
    ...(databaseUrl && { databaseUrl }),
    serviceBus,
    blobs,
    redis,
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
  if (outboundTopicName === topic) {
    reading.mistakes.push(
      `SERVICE_BUS_OUTBOUND_TOPIC_NAME is ${topic}, which this node listens to itself; it must be another`,
    );
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

function redisIn(reading: Reading): Config['redis'] {
  const url = reading.secret(
    'REDIS_URL',
    'must be redis://host:port or rediss://…',
    isUrl(['redis:', 'rediss:']),
  );
  const password = reading.secret('REDIS_PASSWORD', 'must be text', () => true);
  const db = reading.wholeNumber('REDIS_DB', 0, 65_535);
  const channelPrefix = reading.name('REDIS_CHANNEL_PREFIX', channelName);
  const notificationChannel = reading.name('REDIS_NOTIFICATION_CHANNEL', channelName);
  const cacheInvalidationChannel = reading.name('REDIS_CACHE_INVALIDATION_CHANNEL', channelName);
  if (url !== undefined) {
    reading.warnings.push(
      'Redis is configured, but this version has no adapter for it: ' +
        'notifications and cache invalidations stay in this process',
    );
  }
  return {
    ...(url && { url }),
    ...(password && { password }),
    db: db ?? 0,
    channelPrefix: channelPrefix ?? 'cognisync',
    notificationChannel: notificationChannel ?? 'notifications',
    cacheInvalidationChannel: cacheInvalidationChannel ?? 'cache-invalidation',
  };
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
const channelName = /^[A-Za-z0-9_.:-]{1,128}$/;

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
