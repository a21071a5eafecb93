/** What a broker has: queues, and topics with subscriptions. The emulator's file says it too. */
import type { RuleDefinition } from '../filter/rule.ts';

export interface SubscriptionConfig {
  readonly name: string;
  readonly lockMs: number;
  readonly deliveriesMax: number;
  readonly requiresSession: boolean;
  /** Infinity for ever. */
  readonly timeToLiveMs: number;
  /** Whether what expires becomes a dead letter; else it is gone. */
  readonly keepsExpired: boolean;
  readonly rules: readonly RuleDefinition[];
}

export interface QueueConfig extends Omit<SubscriptionConfig, 'rules'> {
  /** Null for no duplicate detection. */
  readonly duplicateWindowMs: number | null;
}

export interface TopicConfig {
  readonly name: string;
  readonly timeToLiveMs: number;
  readonly duplicateWindowMs: number | null;
  readonly subscriptions: readonly SubscriptionConfig[];
}

export interface BrokerConfig {
  readonly queues: readonly QueueConfig[];
  readonly topics: readonly TopicConfig[];
}

const forever = Number.POSITIVE_INFINITY;

const patient: Omit<SubscriptionConfig, 'name' | 'requiresSession' | 'rules'> = {
  lockMs: 60_000,
  deliveriesMax: 10,
  timeToLiveMs: forever,
  keepsExpired: true,
};

/**
 * What CogniSync needs. A message with a session id goes to the subscription whose sessions are
 * shards; one without (a producer that knows nothing of shards) to the intake, whose reader gives it
 * one and sends it again. The two rules leave nothing out and nothing twice; on Azure, give the two
 * subscriptions the same.
 */
export const defaultBrokerConfig: BrokerConfig = {
  queues: [],
  topics: [
    {
      name: 'cognisync-events',
      timeToLiveMs: forever,
      duplicateWindowMs: 10 * 60_000,
      subscriptions: [
        {
          ...patient,
          name: 'knowledge-graph-subscription',
          requiresSession: true,
          rules: [
            { name: 'sharded', filter: { kind: 'sql', expression: 'sys.SessionId IS NOT NULL' } },
          ],
        },
        {
          ...patient,
          name: 'knowledge-graph-subscription-intake',
          requiresSession: false,
          rules: [
            { name: 'unsharded', filter: { kind: 'sql', expression: 'sys.SessionId IS NULL' } },
          ],
        },
      ],
    },
  ],
};
