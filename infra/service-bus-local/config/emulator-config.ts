/**
 * Reads the JSON file that Microsoft's Service Bus emulator takes, so that one file serves both.
 *
 * Its defaults are the emulator's own, its bounds are Azure's (wider than the emulator's, which is
 * meant for short tests: a TimeToLive may be days, a LockDuration a second). All mistakes come in one
 * CONFIG_INVALID, each with its place. What cannot be honoured is a mistake too: forwarding, actions.
 */
import { RuntimeError } from '#runtime';
import { type BrokerBounds, brokerBounds } from '../bounds.ts';
import { everything, type Filter, type RuleDefinition, ruleOf } from '../filter/rule.ts';
import { FilterMistake, type SystemProperty } from '../filter/subject.ts';
import type {
  BrokerConfig,
  QueueConfig,
  SubscriptionConfig,
  TopicConfig,
} from './broker-config.ts';
import { parseDuration } from './duration.ts';
import { Reading } from './reading.ts';

const hourMs = 3_600_000;
const forever = Number.POSITIVE_INFINITY;

/** Throws CONFIG_INVALID; `data.mistakes` lists all that is wrong. */
export function readBrokerConfig(json: string, bounds: BrokerBounds = brokerBounds): BrokerConfig {
  const reading = new EmulatorReading(bounds);
  const config = reading.file(parsed(json));
  const { mistakes } = reading;
  if (mistakes.length > 0) {
    throw new RuntimeError('CONFIG_INVALID', mistakes.join('\n'), { data: { mistakes } });
  }
  return config;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    const mistake = `the broker's configuration is not JSON: ${(cause as Error).message}`;
    throw new RuntimeError('CONFIG_INVALID', mistake, { data: { mistakes: [mistake] }, cause });
  }
}

const queueProperties = [
  'DeadLetteringOnMessageExpiration',
  'DefaultMessageTimeToLive',
  'DuplicateDetectionHistoryTimeWindow',
  'ForwardDeadLetteredMessagesTo',
  'ForwardTo',
  'LockDuration',
  'MaxDeliveryCount',
  'RequiresDuplicateDetection',
  'RequiresSession',
];

const correlationNames: Readonly<Record<string, SystemProperty>> = {
  ContentType: 'contenttype',
  CorrelationId: 'correlationid',
  Label: 'label',
  MessageId: 'messageid',
  ReplyTo: 'replyto',
  ReplyToSessionId: 'replytosessionid',
  SessionId: 'sessionid',
  To: 'to',
};

class EmulatorReading extends Reading {
  readonly #bounds: BrokerBounds;

  constructor(bounds: BrokerBounds) {
    super();
    this.#bounds = bounds;
  }

  file(value: unknown): BrokerConfig {
    const { UserConfig } = this.object(value, 'file', ['UserConfig', '$schema']);
    if (UserConfig === undefined) this.refuse('UserConfig', 'is missing');
    const user = this.object(UserConfig, 'UserConfig', ['Namespaces', 'Logging']);
    const namespaces = this.list(user.Namespaces, 'Namespaces', (one, place) =>
      this.#namespace(one, place),
    );
    if (namespaces.length > 1)
      this.refuse('Namespaces', 'must have one: a broker is one namespace');
    const config = namespaces[0] ?? { queues: [], topics: [] };
    this.#checkNames([...config.queues, ...config.topics], 'queues and topics');
    return config;
  }

  #namespace(value: unknown, place: string): BrokerConfig {
    const { Queues, Topics } = this.object(value, place, ['Name', 'Queues', 'Topics']);
    return {
      queues: this.list(Queues, 'Queues', (one, at) => this.#queue(one, at)),
      topics: this.list(Topics, 'Topics', (one, at) => this.#topic(one, at)),
    };
  }

  #queue(value: unknown, place: string): QueueConfig {
    const { Name, Properties } = this.object(value, place, ['Name', 'Properties']);
    const properties = this.object(Properties, `${place}.Properties`, queueProperties);
    return {
      name: this.name(Name, `${place}.Name`),
      ...this.#consumed(properties, `${place}.Properties`),
      duplicateWindowMs: this.#duplicateWindow(properties, `${place}.Properties`),
    };
  }

  #topic(value: unknown, place: string): TopicConfig {
    const known = ['Name', 'Properties', 'Subscriptions'];
    const { Name, Properties, Subscriptions } = this.object(value, place, known);
    const properties = this.object(Properties, `${place}.Properties`, [
      'DefaultMessageTimeToLive',
      'DuplicateDetectionHistoryTimeWindow',
      'RequiresDuplicateDetection',
    ]);
    const subscriptions = this.list(Subscriptions, `${place}.Subscriptions`, (one, at) =>
      this.#subscription(one, at),
    );
    this.#checkNames(subscriptions, `${place}.Subscriptions`);
    return {
      name: this.name(Name, `${place}.Name`),
      timeToLiveMs: this.#timeToLive(properties, `${place}.Properties`),
      duplicateWindowMs: this.#duplicateWindow(properties, `${place}.Properties`),
      subscriptions,
    };
  }

  #subscription(value: unknown, place: string): SubscriptionConfig {
    const known = ['Name', 'Properties', 'Rules'];
    const { Name, Properties, Rules } = this.object(value, place, known);
    const properties = this.object(
      Properties,
      `${place}.Properties`,
      queueProperties.filter((name) => !name.includes('Duplicate')),
    );
    const rules = this.list(Rules, `${place}.Rules`, (one, at) => this.#rule(one, at));
    this.#checkNames(rules, `${place}.Rules`);
    return {
      name: this.name(Name, `${place}.Name`),
      ...this.#consumed(properties, `${place}.Properties`),
      rules: rules.length === 0 ? [everything] : rules,
    };
  }

  #consumed(properties: Readonly<Record<string, unknown>>, place: string) {
    const receive = 'receive from it and send again';
    this.absent(properties.ForwardTo, `${place}.ForwardTo`, receive);
    this.absent(
      properties.ForwardDeadLetteredMessagesTo,
      `${place}.ForwardDeadLetteredMessagesTo`,
      receive,
    );
    return {
      lockMs: this.#duration(properties, place, 'LockDuration', {
        otherwise: 60_000,
        max: 5 * 60_000,
      }),
      deliveriesMax: this.count(properties.MaxDeliveryCount, `${place}.MaxDeliveryCount`, {
        otherwise: 3,
        max: 2_000,
      }),
      requiresSession: this.flag(properties.RequiresSession, `${place}.RequiresSession`),
      timeToLiveMs: this.#timeToLive(properties, place),
      keepsExpired: this.flag(
        properties.DeadLetteringOnMessageExpiration,
        `${place}.DeadLetteringOnMessageExpiration`,
      ),
    };
  }

  #timeToLive(properties: Readonly<Record<string, unknown>>, place: string): number {
    const range = { otherwise: hourMs, max: forever };
    return this.#duration(properties, place, 'DefaultMessageTimeToLive', range);
  }

  #duplicateWindow(properties: Readonly<Record<string, unknown>>, place: string): number | null {
    const name = 'DuplicateDetectionHistoryTimeWindow';
    const max = 7 * 24 * hourMs;
    const windowMs = this.#duration(properties, place, name, { otherwise: 20_000, max });
    const isOn = this.flag(
      properties.RequiresDuplicateDetection,
      `${place}.RequiresDuplicateDetection`,
    );
    return isOn ? windowMs : null;
  }

  #duration(
    properties: Readonly<Record<string, unknown>>,
    place: string,
    name: string,
    { otherwise, max }: { otherwise: number; max: number },
  ): number {
    const value = properties[name];
    if (value === undefined) return otherwise;
    const ms = typeof value === 'string' ? parseDuration(value) : null;
    if (ms !== null && ms > 0 && ms <= max) return ms;
    const limit = max === forever ? '' : `, at most ${max / 1_000} seconds`;
    this.refuse(`${place}.${name}`, `must be an ISO 8601 duration such as PT1M${limit}`);
    return otherwise;
  }

  #rule(value: unknown, place: string): RuleDefinition {
    const { Name, Properties } = this.object(value, place, ['Name', 'Properties']);
    const properties = this.object(Properties, `${place}.Properties`, [
      'FilterType',
      'CorrelationFilter',
      'SqlFilter',
      'Action',
    ]);
    this.absent(properties.Action, `${place}.Properties.Action`, 'change messages in the code');
    const rule = {
      name: this.#ruleName(Name, `${place}.Name`),
      filter: this.#filter(properties, `${place}.Properties`),
    };
    try {
      ruleOf(rule, this.#bounds.expressionCharsMax);
    } catch (thrown) {
      if (!(thrown instanceof FilterMistake)) throw thrown;
      this.refuse(`${place}.Properties`, thrown.message);
    }
    return rule;
  }

  #ruleName(value: unknown, place: string): string {
    const name = this.text(value, place);
    if (name.length > this.#bounds.ruleNameCharsMax) this.refuse(place, 'is too long');
    return name;
  }

  #filter(properties: Readonly<Record<string, unknown>>, place: string): Filter {
    if (properties.FilterType === 'Sql') {
      const at = `${place}.SqlFilter`;
      const { SqlExpression } = this.object(properties.SqlFilter, at, ['SqlExpression']);
      return { kind: 'sql', expression: this.text(SqlExpression, `${at}.SqlExpression`) };
    }
    if (properties.FilterType !== 'Correlation') {
      this.refuse(`${place}.FilterType`, 'must be Sql or Correlation');
      return { kind: 'false' };
    }
    const at = `${place}.CorrelationFilter`;
    const known = [...Object.keys(correlationNames), 'Properties'];
    const { Properties, ...system } = this.object(properties.CorrelationFilter, at, known);
    return {
      kind: 'correlation',
      system: Object.fromEntries(
        Object.entries(system)
          .filter(([name]) => name in correlationNames)
          .map(([name, value]) => [correlationNames[name], this.text(value, `${at}.${name}`)]),
      ),
      user: this.#userProperties(Properties, `${at}.Properties`),
    };
  }

  #userProperties(value: unknown, place: string): Record<string, string | number | boolean> {
    const names = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    const entries = Object.entries(this.object(value, place, names));
    for (const [name, each] of entries) {
      if (!['string', 'number', 'boolean'].includes(typeof each)) {
        this.refuse(`${place}.${name}`, 'must be a text, a number, true or false');
      }
    }
    return Object.fromEntries(entries) as Record<string, string | number | boolean>;
  }

  #checkNames(named: readonly { readonly name: string }[], place: string): void {
    const names = named.map(({ name }) => name.toLowerCase());
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined) this.refuse(place, `have two of the name '${twice}'`);
  }
}
