/**
 * The entities of a broker by their addresses, made from the configuration and filled from the store.
 *
 *     orders                                      a queue or a topic
 *     events/Subscriptions/graph                  a subscription
 *     orders/$DeadLetterQueue                     dead letters, of a subscription too
 *     orders/$management                          the management of any of them
 *
 * An entity that is no longer configured keeps its messages in the store, out of reach, and has them
 * again when it is configured again.
 */
import { RuntimeError } from '#runtime';
import type { BrokerBounds } from '../bounds.ts';
import type {
  BrokerConfig,
  QueueConfig,
  SubscriptionConfig,
  TopicConfig,
} from '../config/broker-config.ts';
import { Duplicates } from '../core/duplicates.ts';
import { Queue } from '../core/queue.ts';
import { Schedule } from '../core/schedule.ts';
import { type Rule, ruleOf } from '../filter/rule.ts';
import { FilterMistake } from '../filter/subject.ts';
import { entityIdMax } from '../store/format.ts';
import type { Store } from '../store/store.ts';
import { QueueEntity, type Subscription, TopicEntity } from './entity.ts';

const managementSuffix = '/$management';
const deadLetterSuffix = '/$DeadLetterQueue';

export interface Address {
  readonly entity: QueueEntity | TopicEntity;
  /** Null where it is the topic's. */
  readonly subscription: Subscription | null;
  readonly isManagement: boolean;
}

export class Namespace {
  readonly #store: Store;
  readonly #bounds: BrokerBounds;
  readonly #byPath = new Map<string, Omit<Address, 'isManagement'>>();

  /** Throws CONFIG_INVALID where the configuration and what is stored don't agree. */
  constructor(store: Store, config: BrokerConfig, bounds: BrokerBounds) {
    this.#store = store;
    this.#bounds = bounds;
    for (const queue of config.queues) this.#add(this.#queue(queue.name, queue, true), null);
    for (const topic of config.topics) this.#addTopic(topic);
    if (this.#byPath.size > bounds.entitiesMax) {
      throw new RuntimeError('CONFIG_INVALID', `at most ${bounds.entitiesMax} entities`);
    }
  }

  get entities(): readonly (QueueEntity | TopicEntity)[] {
    return [...this.#byPath.values()].map(({ entity }) => entity);
  }

  /** What an address names, on its own or as the path of a URL; undefined where there is no such. */
  find(address: string): Address | undefined {
    const path = address.replace(/^[a-z]+:\/\/[^/]*/i, '').replace(/^\/|\/$/g, '');
    const isManagement = path.toLowerCase().endsWith(managementSuffix);
    const plain = isManagement ? path.slice(0, -managementSuffix.length) : path;
    const found = this.#byPath.get(plain.toLowerCase());
    return found && { ...found, isManagement };
  }

  #addTopic(topic: TopicConfig): void {
    const subscriptions = topic.subscriptions.map((config) => {
      const path = `${topic.name}/Subscriptions/${config.name}`;
      const entity = this.#queue(path, config, false);
      const subscription = { entity, rules: this.#rules(entity, config) };
      this.#add(entity, subscription);
      return subscription;
    });
    const { identity, schedule } = this.#stored(topic.name);
    const duplicates = this.#duplicates(identity.storeId, topic.duplicateWindowMs);
    const { timeToLiveMs } = topic;
    const parts = { timeToLiveMs, subscriptions, schedule, duplicates };
    this.#add(new TopicEntity(identity, parts), null);
  }

  #rules({ path, storeId }: QueueEntity, { rules }: SubscriptionConfig): Map<string, Rule> {
    const kept = this.#store.rules(storeId, rules);
    try {
      return new Map(
        kept.map((rule) => [rule.name, ruleOf(rule, this.#bounds.expressionCharsMax)]),
      );
    } catch (cause) {
      if (!(cause instanceof FilterMistake)) throw cause;
      throw new RuntimeError('CONFIG_INVALID', `a rule of ${path}: ${cause.message}`, { cause });
    }
  }

  #add(entity: QueueEntity | TopicEntity, subscription: Subscription | null): void {
    const key = entity.path.toLowerCase();
    if (this.#byPath.has(key)) {
      throw new RuntimeError('CONFIG_INVALID', `two entities have the address '${key}'`);
    }
    this.#byPath.set(key, { entity, subscription });
  }

  #queue(path: string, config: QueueConfig | SubscriptionConfig, isSendable: boolean): QueueEntity {
    const dead = this.#deadLetters(`${path}${deadLetterSuffix}`, config.lockMs);
    const { identity, queue, schedule } = this.#stored(path, config);
    const duplicateWindowMs = 'duplicateWindowMs' in config ? config.duplicateWindowMs : null;
    return new QueueEntity(identity, {
      queue,
      traits: config,
      dead,
      schedule: isSendable ? schedule : null,
      duplicates: this.#duplicates(identity.storeId, duplicateWindowMs),
    });
  }

  #deadLetters(path: string, lockMs: number): QueueEntity {
    const settings = { lockMs, deliveriesMax: Number.POSITIVE_INFINITY, requiresSession: false };
    const { identity, queue } = this.#stored(path, settings);
    const traits = { timeToLiveMs: Number.POSITIVE_INFINITY, keepsExpired: false };
    const parts = { queue, traits, dead: null, schedule: null, duplicates: null };
    const entity = new QueueEntity(identity, parts);
    this.#add(entity, null);
    return entity;
  }

  /** What the store has of an entity. */
  #stored(path: string, settings = { lockMs: 1, deliveriesMax: 1, requiresSession: false }) {
    const { id: storeId, sequence: lastSequence } = this.#store.entity(path.toLowerCase());
    if (storeId > entityIdMax) {
      throw new RuntimeError(
        'CONFIG_INVALID',
        `the file has had ${storeId} entities; begin a new one`,
      );
    }
    const { lockMs, deliveriesMax, requiresSession } = settings;
    const queue = new Queue({ lockMs, deliveriesMax, requiresSession });
    const schedule = new Schedule();
    for (const stored of this.#store.messages(storeId)) {
      const bytes = stored.size + this.#bounds.messageOverheadBytes;
      if (stored.dueAt !== null) {
        schedule.add({ sequence: stored.sequence, dueAt: stored.dueAt, bytes });
        continue;
      }
      const { session: sessionId } = stored;
      if (requiresSession && sessionId === null) {
        const text = `${path} requires sessions, but has stored messages without; begin a new file`;
        throw new RuntimeError('CONFIG_INVALID', text);
      }
      queue.admit({ ...stored, sessionId, bytes, isDeferred: stored.state === 'deferred' });
    }
    for (const { session, state } of this.#store.sessionStates(storeId)) {
      queue.keepState(session, state);
    }
    return { identity: { path, storeId, lastSequence }, queue, schedule };
  }

  #duplicates(storeId: number, windowMs: number | null): Duplicates | null {
    if (windowMs === null) return null;
    return new Duplicates(windowMs, this.#bounds.duplicatesMax, this.#store.seen(storeId));
  }
}
