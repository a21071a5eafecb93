/**
 * The services that the environment names, asked as a node would ask them at its start: all at once, each
 * for `answerMs` at most. Nothing is changed there, and no more is loaded than is named.
 *
 * Unhealthy is what a node does not start without; it goes on without the rest.
 */
import { connect } from 'node:net';
import { MemoryBlobs } from '#adapters/memory';
import { systemClock, systemIds } from '#adapters/system';
import { assertPgvector } from '#projections';
import {
  errorCatalogue,
  type Happening,
  limits,
  type ReadStore,
  type RuntimeError,
  toRuntimeError,
} from '#runtime';
import { accessIn } from '../bus.ts';
import type { Config } from '../config.ts';
import { exportOf } from '../export-variables.ts';
import { openEmbedder } from '../models.ts';
import type { Environment } from '../reading.ts';
import { hasRedis, redisAccess } from '../redis-settings.ts';
import { doubtful, type Finding, ill, well } from './finding.ts';

interface Looking {
  readonly config: Config;
  readonly environment: Environment;
  readonly answerMs: number;
}

type Look = (looking: Looking) => Promise<readonly Finding[]>;

/** Never rejects; nothing is said of services that are not named. */
export async function servicesOf(
  config: Config,
  environment: Environment,
  answerMs: number = limits.doctorAnswerMs,
): Promise<readonly Finding[]> {
  const looks: readonly Look[] = [
    postgres,
    kurrentDb,
    serviceBus,
    outboundTopic,
    redis,
    embedder,
    chat,
    collector,
  ];
  const found = await Promise.all(looks.map((look) => look({ config, environment, answerMs })));
  return found.flat();
}

const around = { clock: systemClock, ids: systemIds };
const untold = { record: () => undefined };

const postgres: Look = async ({ answerMs, config: { databaseUrl, embeddings } }) => {
  const name = 'PostgreSQL';
  if (databaseUrl === undefined) return [];
  const { openPostgres } = await import('#adapters/postgres');
  const store = openPostgres({ url: databaseUrl.reveal(), statementTimeoutMs: answerMs });
  try {
    const [row] = await store.query<{ version: string; mayCreate: boolean }>(
      `SELECT current_setting('server_version') AS version,
              has_database_privilege(current_database(), 'CREATE') AS "mayCreate"`,
    );
    const { mayCreate, version } = row!;
    const found = mayCreate
      ? versionFinding(version)
      : ill(
          name,
          'does not let the user of DATABASE_URL make schemas',
          'GRANT CREATE ON DATABASE … TO that user, or name the owner of the database.',
        );
    return embeddings.kind === 'off' ? [found] : [found, await pgvector(store)];
  } catch (thrown) {
    const advice = 'Start it, and check host, port, user and database of DATABASE_URL.';
    return [ill(name, `of DATABASE_URL does not answer: ${messageOf(thrown)}`, advice)];
  } finally {
    await store.close();
  }
};

/** The oldest that the tests run on. */
const postgresMajorMin = 15;

/** Of a server, by what it says its version is. */
export function versionFinding(version: string): Finding {
  if (Number.parseInt(version, 10) >= postgresMajorMin) {
    return well('PostgreSQL', `${version} answers`);
  }
  const advice = `Use PostgreSQL ${postgresMajorMin} or newer.`;
  return doubtful('PostgreSQL', `is ${version}, which nobody has tried`, advice);
}

/** As it is in the database, or would be when a node makes it there. */
async function pgvector(store: ReadStore): Promise<Finding> {
  const name = 'pgvector';
  const { hint } = errorCatalogue.VECTORS_UNSUPPORTED;
  const [row] = await store.query<{ version: string; isThere: boolean; mayMake: boolean }>(
    `SELECT coalesce(e.installed_version, e.default_version) AS version,
            e.installed_version IS NOT NULL AS "isThere",
            current_setting('is_superuser') = 'on' OR NOT v.superuser OR v.trusted AS "mayMake"
       FROM pg_available_extensions e
       JOIN pg_available_extension_versions v USING (name)
      WHERE e.name = 'vector' AND v.version = e.default_version`,
  );
  if (row === undefined) return ill(name, 'is not installed on the server of DATABASE_URL', hint);
  try {
    assertPgvector(row.version);
  } catch (thrown) {
    return ill(name, `is too old: ${messageOf(thrown)}`, hint);
  }
  if (row.isThere || row.mayMake) return well(name, `is ${row.version}`);
  return ill(
    name,
    'is not in the database of DATABASE_URL yet, and its user may not make it',
    'Have a superuser say CREATE EXTENSION vector in that database, or set EMBEDDINGS=off.',
  );
}

const kurrentDb: Look = async ({ answerMs, config: { kurrentDbUrl } }) => {
  if (kurrentDbUrl === undefined) return [];
  const name = 'KurrentDB';
  // Loaded here only: its client brings native code, which not every machine has.
  const { openKurrentDb } = await import('#adapters/kurrentdb');
  try {
    const connectionString = kurrentDbUrl.reveal();
    const { log } = await openKurrentDb({ connectionString, limits: { logAnswerMs: answerMs } });
    await log.close();
    return [well(name, 'answers')];
  } catch (thrown) {
    const advice = {
      LOG_REFUSED: 'Check user and password of KURRENTDB_URL, and that the user may read $all.',
      LOG_UNAVAILABLE:
        'Start it, and check host, port and tls of KURRENTDB_URL. A cluster answers when it has a leader.',
    };
    return [failed(name, 'KURRENTDB_URL', thrown, advice)];
  }
};

const serviceBus: Look = async ({ answerMs, config }) => {
  const access = config.messageBus === undefined ? accessIn(config) : null;
  if (access === null) return [];
  const { topicName, subscriptionName } = config.serviceBus;
  const { openServiceBus } = await import('#adapters/service-bus');
  try {
    const bus = await openServiceBus({
      ...around,
      access,
      topicName,
      subscriptionName,
      telemetry: untold,
      blobs: new MemoryBlobs(),
      limits: { busAnswerMs: answerMs },
    });
    await bus.close();
    return [well('Service Bus', `has what a node needs in topic ${topicName}`)];
  } catch (thrown) {
    return brokerFindings(thrown);
  }
};

const outboundTopic: Look = async ({ answerMs, config }) => {
  const access = accessIn(config);
  const topicName = config.serviceBus.outboundTopicName;
  if (access === null || topicName === undefined) return [];
  const { openOutboundTopic } = await import('#adapters/service-bus');
  try {
    const topic = await openOutboundTopic({
      ...around,
      access,
      topicName,
      telemetry: untold,
      blobs: new MemoryBlobs(),
      limits: { busAnswerMs: answerMs },
    });
    await topic.close();
    return [well('Service Bus', `has topic ${topicName}, for other services`)];
  } catch (thrown) {
    return brokerFindings(thrown);
  }
};

/** One for each thing that is wrong. */
function brokerFindings(thrown: unknown): readonly Finding[] {
  const name = 'Service Bus';
  const { code, message } = toRuntimeError(thrown);
  if (code !== 'BUS_REFUSED') {
    const advice =
      'Start it, and check the endpoint of SERVICE_BUS_*; AMQP needs port 5671 or 5672.';
    return [ill(name, `does not answer: ${message}`, advice)];
  }
  const advice =
    'Mend it, or SERVICE_BUS_* that name it; adapters/service-bus/entities.ts says what must be there.';
  return message
    .split('\n')
    .map((mistake) => ill(name, `is not as it must be: ${mistake}`, advice));
}

const redis: Look = async (looking) => {
  if (!hasRedis(looking.config.redis)) return [];
  return [await (looking.config.messageBus === 'redis' ? redisBus(looking) : sharedRedis(looking))];
};

async function redisBus({ answerMs, config }: Looking): Promise<Finding> {
  const name = 'Redis';
  const risks: string[] = [];
  const record = (happening: Happening) => {
    if (happening.name === 'bus-doubted') risks.push(happening.risk);
  };
  const { openRedisBus } = await import('#adapters/redis');
  try {
    const bus = await openRedisBus({
      ...around,
      access: redisAccess(config.redis),
      prefix: config.redis.channelPrefix,
      telemetry: { record },
      limits: { busAnswerMs: answerMs },
    });
    await bus.close();
    const [risk] = risks;
    if (risk === undefined) return well(name, 'can be the bus');
    return doubtful(
      name,
      `as the bus may lose messages: ${risk}`,
      'Set appendonly yes, appendfsync always.',
    );
  } catch (thrown) {
    return failed(name, 'REDIS_*', thrown, {
      BUS_REFUSED: 'Set what it names in Redis, or check user, password and database of REDIS_*.',
      BUS_UNAVAILABLE: startRedis,
    });
  }
}

const startRedis = 'Start it, and check host and port of REDIS_*.';

async function sharedRedis({ answerMs, config }: Looking): Promise<Finding> {
  const name = 'Redis';
  const { RedisConnection, serverInfo } = await import('#adapters/redis');
  const connection = new RedisConnection({
    ...around,
    access: redisAccess(config.redis),
    name: 'doctor',
    telemetry: untold,
    limits: { ...limits, redisAnswerMs: answerMs },
  });
  try {
    const info = await serverInfo(connection, systemClock, answerMs);
    const policy = info.get('maxmemory_policy');
    if (Number(info.get('maxmemory') ?? 0) === 0 || policy !== 'noeviction') {
      return well(name, `${info.get('redis_version')} answers`);
    }
    const words =
      'has a maxmemory and the policy noeviction: when it is full, nothing more is cached';
    return doubtful(name, words, 'Set maxmemory-policy allkeys-lru, unless it is a bus, too.');
  } catch (thrown) {
    const { code, message } = toRuntimeError(thrown);
    const advice =
      code === 'BUS_REFUSED' ? 'Check user, password and database of REDIS_*.' : startRedis;
    return doubtful(name, `of REDIS_* does not let us in: ${message}`, advice);
  } finally {
    connection.close();
  }
}

const embedder: Look = async ({ answerMs, config: { embeddings } }) => {
  if (embeddings.kind !== 'endpoint' && embeddings.kind !== 'folder') return [];
  const name = 'embedding model';
  try {
    const opened = await openEmbedder(embeddings, around, { embedTryMs: answerMs });
    await opened?.embed(['word'], new AbortController().signal);
    await opened?.close();
    return [well(name, `gives vectors of ${opened?.model.dimensions} dimensions`)];
  } catch (thrown) {
    const { code, message } = toRuntimeError(thrown);
    // A folder without a model is one mistake more of the configuration: no node starts with it.
    const finding = code === 'CONFIG_INVALID' ? ill : doubtful;
    const advice =
      code === 'CONFIG_INVALID'
        ? 'Name a folder with a model in EMBEDDINGS_MODEL_FOLDER.'
        : errorCatalogue[code].hint;
    return [finding(name, `gives no vectors: ${message}`, advice)];
  }
};

/** A question costs money, so no more is asked than whether somebody is there. */
const chat: Look = async ({ answerMs, config }) => {
  if (config.chat === undefined) return [];
  const name = 'language model';
  const fault = await connectionFault(new URL(config.chat.url), answerMs);
  if (fault === null) return [well(name, 'takes connections')];
  const advice = 'Check CHAT_URL; everything but answers in words goes on without it.';
  return [doubtful(name, `does not answer: ${fault}`, advice)];
};

/** Where metrics and traces go, but for a socket of this machine. */
const collector: Look = async ({ answerMs, environment }) => {
  const places = (['METRICS', 'TRACES'] as const).flatMap((signal) => {
    const { endpoint, exporters } = exportOf(environment, signal);
    const isAsked = exporters.includes('otlp') && !endpoint.startsWith('unix:');
    return isAsked ? [endpoint] : [];
  });
  const looks = [...new Set(places)].map(async (place) => {
    const url = new URL(place);
    const name = `collector ${url.host}`;
    const fault = await connectionFault(url, answerMs);
    if (fault === null) return well(name, 'takes connections');
    const advice = 'Start it, or check OTEL_EXPORTER_OTLP_*; nodes serve without it.';
    return doubtful(name, `does not answer: ${fault}`, advice);
  });
  return Promise.all(looks);
};

/** Why nobody takes a connection there; null where somebody does. */
function connectionFault(
  { hostname, port, protocol }: URL,
  answerMs: number,
): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket = connect({ host, port: Number(port) || (protocol === 'https:' ? 443 : 80) });
  // After the loop has looked at the socket once more: loading the clients of others may have held it up.
  socket.setTimeout(answerMs, () =>
    setImmediate(() => resolve(`nobody answers within ${answerMs} ms`)),
  );
  socket.once('connect', () => resolve(null));
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  return promise.finally(() => socket.destroy());
}

function failed(
  name: string,
  variable: string,
  thrown: unknown,
  advice: Readonly<Partial<Record<RuntimeError['code'], string>>>,
): Finding {
  const { code, message } = toRuntimeError(thrown);
  const words = `of ${variable} can't be used: ${message}`;
  return ill(name, words, advice[code] ?? errorCatalogue[code].hint);
}

function messageOf(thrown: unknown): string {
  return toRuntimeError(thrown).message;
}
