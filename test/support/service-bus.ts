/** A topic on the local broker in the shape that a bus needs, and nodes on it, each on a wire of its own. */

import { MemoryBlobs } from '#adapters/memory';
import { type Access, openServiceBus, type ServiceBus } from '#adapters/service-bus';
import { systemClock, systemIds } from '#adapters/system';
import type { Blobs, Clock, Limits } from '#runtime';
import { type Broker, openBroker } from '../../infra/service-bus-local/broker.ts';
import { readBrokerConfig } from '../../infra/service-bus-local/config/emulator-config.ts';
import { Recorder } from './telemetry.ts';
import { openWire } from './wire.ts';
import { type WiredBus, wired } from './wired-bus.ts';

export const topicName = 'cognisync-events';
export const subscriptionName = 'graph';

/** Bounds that a test reaches in its time. */
export const quickLimits: Partial<Limits> = {
  shardQuietMs: 200,
  shardTurnMs: 1_000,
  shardRequestMs: 150,
  busSendMs: 1_500,
  busBreakerMs: 300,
  busAnswerMs: 1_000,
  retryBaseMs: 20,
  retryCapMs: 200,
};

export interface TopicParts {
  readonly lockSeconds?: number;
  readonly deliveriesMax?: number;
  readonly detectsDuplicates?: boolean;
  /** Properties of the session subscription or the intake, and their rules, in place of the right ones. */
  readonly session?: SubscriptionParts;
  readonly intake?: SubscriptionParts;
  /** Further topics, with one session subscription `all` each. */
  readonly others?: readonly string[];
  /** Names of topics of this shape, each for one test; by default one. */
  readonly topics?: readonly string[];
}

type SubscriptionParts = { readonly requiresSession?: boolean; readonly rule?: string } | null;

/** Entities in the format of Microsoft's emulator. */
export function emulatorConfig(parts: TopicParts = {}): object {
  const { lockSeconds = 30, deliveriesMax = 10, detectsDuplicates = true } = parts;
  const subscription = (name: string, isSession: boolean, given: SubscriptionParts = {}) =>
    given === null
      ? []
      : [
          {
            Name: name,
            Properties: {
              DeadLetteringOnMessageExpiration: true,
              DefaultMessageTimeToLive: 'PT1H',
              LockDuration: `PT${lockSeconds}S`,
              MaxDeliveryCount: deliveriesMax,
              RequiresSession: given.requiresSession ?? isSession,
            },
            Rules: [
              {
                Name: 'rule',
                Properties: {
                  FilterType: 'Sql',
                  SqlFilter: {
                    SqlExpression: given.rule ?? `sys.SessionId IS ${isSession ? 'NOT ' : ''}NULL`,
                  },
                },
              },
            ],
          },
        ];
  const topic = (name: string, subscriptions: readonly object[]) => ({
    Name: name,
    Properties: {
      DefaultMessageTimeToLive: 'PT1H',
      DuplicateDetectionHistoryTimeWindow: 'PT5M',
      RequiresDuplicateDetection: detectsDuplicates,
    },
    Subscriptions: subscriptions,
  });
  const topics = [
    ...(parts.topics ?? [topicName]).map((name) =>
      topic(name, [
        ...subscription(subscriptionName, true, parts.session),
        ...subscription(`${subscriptionName}-intake`, false, parts.intake),
      ]),
    ),
    ...(parts.others ?? []).map((name) => topic(name, subscription('all', true, { rule: '1=1' }))),
  ];
  return {
    UserConfig: {
      Namespaces: [{ Name: 'sbemulatorns', Queues: [], Topics: topics }],
      Logging: { Type: 'File' },
    },
  };
}

export interface NodeParts {
  readonly topic?: string;
  readonly clock?: Clock;
  readonly blobs?: Blobs;
  readonly limits?: Partial<Limits>;
}

export type TestNode = WiredBus<ServiceBus>;

export interface TestBroker {
  readonly broker: Broker;
  readonly connectionString: string;
  /** One more node; all have the same blobs, unless told otherwise. */
  open(parts?: NodeParts): Promise<TestNode>;
  /** Once, however often it is called. */
  close(): Promise<void>;
}

export async function openTestBroker(parts: TopicParts = {}): Promise<TestBroker> {
  const config = readBrokerConfig(JSON.stringify(emulatorConfig(parts)));
  const broker = await openBroker({ port: 0, file: undefined, config });
  const blobs = new MemoryBlobs();
  let closed: Promise<void> | undefined;
  return {
    broker,
    connectionString: broker.connectionString,
    open: (node = {}) => openTestNode(broker, { blobs, ...node }),
    close: () => {
      closed ??= broker.close();
      return closed;
    },
  };
}

export interface BrokerPlace {
  readonly connectionString: string;
  readonly port: number;
  readonly host?: string;
}

export async function openTestNode(
  { connectionString, port, host }: BrokerPlace,
  { topic = topicName, clock = systemClock, blobs = new MemoryBlobs(), limits = {} }: NodeParts,
): Promise<TestNode> {
  const wire = await openWire(port, host);
  const telemetry = new Recorder();
  const access: Access = { connectionString: throughWire(connectionString, wire.port) };
  const bus = await openServiceBus({
    access,
    topicName: topic,
    subscriptionName,
    blobs,
    clock,
    ids: systemIds,
    telemetry,
    limits: { ...quickLimits, ...limits },
  });
  return wired(bus, wire, telemetry);
}

export function throughWire(connectionString: string, port: number): string {
  return connectionString.replace(/Endpoint=sb:\/\/[^:;/]+:\d+/, `Endpoint=sb://127.0.0.1:${port}`);
}
