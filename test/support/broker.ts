/** A local Service Bus for a test, and the unmodified Azure client on it. */
import {
  ServiceBusClient,
  type ServiceBusClientOptions,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
} from '@azure/service-bus';
import type { Clock } from '#runtime';
import type { BrokerBounds } from '../../infra/service-bus-local/bounds.ts';
import { type Broker, openBroker } from '../../infra/service-bus-local/broker.ts';
import type {
  QueueConfig,
  SubscriptionConfig,
  TopicConfig,
} from '../../infra/service-bus-local/config/broker-config.ts';
import { everything } from '../../infra/service-bus-local/filter/rule.ts';

const lasting = {
  lockMs: 60_000,
  deliveriesMax: 10,
  requiresSession: false,
  timeToLiveMs: Number.POSITIVE_INFINITY,
  keepsExpired: true,
};

export function queue(name: string, settings: Partial<QueueConfig> = {}): QueueConfig {
  return { ...lasting, duplicateWindowMs: null, name, ...settings };
}

export function topic(
  name: string,
  subscriptions: readonly SubscriptionConfig[],
  settings: Partial<TopicConfig> = {},
): TopicConfig {
  const { timeToLiveMs } = lasting;
  return { name, timeToLiveMs, duplicateWindowMs: null, subscriptions, ...settings };
}

export function subscription(
  name: string,
  settings: Partial<SubscriptionConfig> = {},
): SubscriptionConfig {
  return { ...lasting, rules: [everything], name, ...settings };
}

export interface RunningBroker {
  readonly connectionString: string;
  readonly port: number;
  /** What the broker could tell no client; a test that expects none need not look. */
  readonly troubles: readonly unknown[];
  client(options?: ServiceBusClientOptions): ServiceBusClient;
  /** Closes the clients and the broker, and fails if there were troubles that nobody took. */
  stop(): Promise<void>;
  takeTroubles(): readonly unknown[];
}

export interface BrokerSetting {
  readonly queues?: readonly QueueConfig[];
  readonly topics?: readonly TopicConfig[];
  readonly clock?: Clock;
  readonly file?: string;
  readonly bounds?: Partial<BrokerBounds>;
}

/** Fails at once instead of trying again for minutes. */
export const impatient: ServiceBusClientOptions = {
  retryOptions: { maxRetries: 0, timeoutInMs: 10_000 },
};

export async function startBroker(setting: BrokerSetting): Promise<RunningBroker> {
  const { queues = [], topics = [], file, clock, bounds = {} } = setting;
  let troubles: unknown[] = [];
  const broker: Broker = await openBroker({
    port: 0,
    file,
    config: { queues, topics },
    bounds,
    ...(clock && { clock }),
    report: (trouble) => troubles.push(trouble),
  });
  const clients: ServiceBusClient[] = [];
  return {
    connectionString: broker.connectionString,
    port: broker.port,
    get troubles() {
      return troubles;
    },
    takeTroubles() {
      const taken = troubles;
      troubles = [];
      return taken;
    },
    client(options = impatient) {
      const client = new ServiceBusClient(broker.connectionString, options);
      clients.push(client);
      return client;
    },
    async stop() {
      await Promise.all(clients.map((client) => client.close()));
      await broker.close();
      if (troubles.length > 0) throw new AggregateError(troubles, 'the broker had troubles');
    },
  };
}

/** Receives exactly so many; fails when they don't come. */
export async function receive(
  receiver: Pick<ServiceBusReceiver, 'receiveMessages'>,
  count: number,
): Promise<ServiceBusReceivedMessage[]> {
  const messages: ServiceBusReceivedMessage[] = [];
  const deadline = performance.now() + 10_000;
  while (messages.length < count) {
    if (performance.now() > deadline) throw new Error(`${messages.length} of ${count} came`);
    messages.push(
      ...(await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs: 2_000 })),
    );
  }
  return messages;
}

/** Whether a receiver gets nothing: what is there to get would be sent before the drain is answered. */
export async function isEmpty(
  receiver: Pick<ServiceBusReceiver, 'receiveMessages'>,
): Promise<boolean> {
  return (await receiver.receiveMessages(1, { maxWaitTimeInMs: 20 })).length === 0;
}

export function bodies(messages: readonly ServiceBusReceivedMessage[]): unknown[] {
  return messages.map(({ body }) => body);
}
