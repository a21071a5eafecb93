/** The brokers that the environment names: Service Bus, and Redis as bus or beside one. */
import { MemoryBlobs } from '#adapters/memory';
import { systemClock } from '#adapters/system';
import { type Happening, limits, toRuntimeError } from '#runtime';
import { accessIn } from '../bus.ts';
import { hasRedis, redisAccess } from '../redis-settings.ts';
import { doubtful, type Finding, ill, well } from './finding.ts';
import { around, failed, type Look, type Looking, untold } from './look.ts';

export const serviceBus: Look = async ({ answerMs, config }) => {
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

export const outboundTopic: Look = async ({ answerMs, config }) => {
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

export const redis: Look = async (looking) => {
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
