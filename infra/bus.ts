/**
 * Which bus a node listens to: the in-process one, Service Bus where the environment names it, or Redis
 * where it is told to.
 *
 * With Service Bus come the blobs that hold bodies too large for it, and, where a topic for it is named,
 * the outbound process manager that tells other services what happened. The adapters are loaded where
 * they are needed: their clients take longer to load than all the rest of a node.
 */
import { openBlobFolder } from '#adapters/blobs-folder';
import { InProcessBus } from '#adapters/memory';
import type { Access } from '#adapters/service-bus';
import { Checkpoint, outboundGenerations, outboundProjection } from '#projections';
import {
  type Blobs,
  type Bus,
  type HostedProjection,
  host,
  type Log,
  type ReadStore,
} from '#runtime';
import type { Config } from './config.ts';
import { blobsIn } from './data-folder.ts';
import { redisAccess } from './redis-settings.ts';
import type { NodeSurroundings } from './surroundings.ts';

export interface OpenedBus {
  readonly bus: Bus;
  /** Whether a message is handled when `publish` resolves; a broker has only stored it by then. */
  readonly isHandledWhenPublished: boolean;
  /** What follows the log on behalf of the bus's other readers. */
  readonly projections: readonly HostedProjection[];
  /** Hangs up. Call when nothing is consumed or published any more. */
  close(): Promise<void>;
}

interface Parts {
  readonly config: Pick<Config, 'dataDir' | 'serviceBus' | 'messageBus' | 'redis' | 'blobs'>;
  readonly log: Log;
  readonly readStore: ReadStore;
  readonly surroundings: NodeSurroundings;
}

/** Rejects with BUS_REFUSED, BUS_UNAVAILABLE, BLOBS_UNAVAILABLE or CONFIG_INVALID. */
export async function openBus(parts: Parts): Promise<OpenedBus> {
  const { config, log, readStore, surroundings } = parts;
  if (config.messageBus === 'redis') {
    const { openRedisBus } = await import('#adapters/redis');
    const bus = await openRedisBus({
      ...surroundings,
      access: redisAccess(config.redis),
      prefix: config.redis.channelPrefix,
    });
    return { bus, isHandledWhenPublished: false, projections: [], close: () => bus.close() };
  }
  const access = accessIn(config);
  if (access === null) {
    const bus = new InProcessBus({ log, ...surroundings });
    return { bus, isHandledWhenPublished: true, projections: [], close: async () => undefined };
  }
  const { topicName, subscriptionName, outboundTopicName } = config.serviceBus;
  const { openOutboundTopic, openServiceBus } = await import('#adapters/service-bus');
  const blobs = await openBlobs(parts);
  await using opening = new AsyncDisposableStack();
  const bus = await openServiceBus({ ...surroundings, access, topicName, subscriptionName, blobs });
  opening.defer(() => bus.close());
  const projections: HostedProjection[] = [];
  if (outboundTopicName !== undefined) {
    const topicOptions = { ...surroundings, access, topicName: outboundTopicName, blobs };
    const topic = await openOutboundTopic(topicOptions);
    opening.defer(() => topic.close());
    const checkpoint = new Checkpoint(readStore, 'outbound');
    const generations = outboundGenerations(checkpoint, (messages) => topic.publish(messages));
    projections.push(host(outboundProjection, generations));
  }
  const opened = opening.move();
  return {
    bus,
    isHandledWhenPublished: false,
    projections,
    close: () => opened.disposeAsync(),
  };
}

/** Null where no Service Bus is named. */
export function accessIn({ serviceBus }: Parts['config']): Access | null {
  const { connectionString, namespace } = serviceBus;
  if (connectionString !== undefined) return { connectionString: connectionString.reveal() };
  return namespace === undefined ? null : { namespace };
}

/** The store of bodies that are too large for Service Bus. Rejects with BLOBS_UNAVAILABLE. */
export async function openBlobs({
  config,
  surroundings,
}: Pick<Parts, 'config' | 'surroundings'>): Promise<Blobs> {
  const { connectionString, accountUrl, container } = config.blobs;
  const access = connectionString
    ? { connectionString: connectionString.reveal() }
    : accountUrl && { accountUrl };
  if (!access) return openBlobFolder({ ...surroundings, folder: blobsIn(config.dataDir) });
  const { openAzureBlobs } = await import('#adapters/blobs-azure');
  return openAzureBlobs({ container, ...access });
}
