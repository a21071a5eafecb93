/** The configuration file of the local Service Bus: that of Microsoft's emulator. */
import { describe, expect, it } from 'vitest';
import { RuntimeError } from '#runtime';
import { defaultBrokerConfig } from '../../infra/service-bus-local/config/broker-config.ts';
import { parseDuration } from '../../infra/service-bus-local/config/duration.ts';
import { readBrokerConfig } from '../../infra/service-bus-local/config/emulator-config.ts';

/** As the emulator's own example has it, empty texts and all. */
const example = {
  UserConfig: {
    Namespaces: [
      {
        Name: 'sbemulatorns',
        Queues: [
          {
            Name: 'queue.1',
            Properties: {
              DeadLetteringOnMessageExpiration: false,
              DefaultMessageTimeToLive: 'PT1H',
              DuplicateDetectionHistoryTimeWindow: 'PT20S',
              ForwardDeadLetteredMessagesTo: '',
              ForwardTo: '',
              LockDuration: 'PT1M',
              MaxDeliveryCount: 3,
              RequiresDuplicateDetection: true,
              RequiresSession: false,
            },
          },
          { Name: 'plain' },
        ],
        Topics: [
          {
            Name: 'topic.1',
            Properties: {
              DefaultMessageTimeToLive: 'P14D',
              DuplicateDetectionHistoryTimeWindow: 'PT20S',
              RequiresDuplicateDetection: false,
            },
            Subscriptions: [
              {
                Name: 'subscription.1',
                Properties: {
                  DeadLetteringOnMessageExpiration: true,
                  LockDuration: 'PT0.5S',
                  MaxDeliveryCount: 10,
                  RequiresSession: true,
                },
                Rules: [
                  {
                    Name: 'app-prop-filter-1',
                    Properties: {
                      FilterType: 'Correlation',
                      CorrelationFilter: {
                        ContentType: 'application/json',
                        Label: 'subject1',
                        Properties: { prop1: 'value1', n: 1, yes: true },
                      },
                    },
                  },
                  {
                    Name: 'sql',
                    Properties: {
                      FilterType: 'Sql',
                      SqlFilter: { SqlExpression: "sys.MessageId = '123456'" },
                      Action: { SqlExpression: '' },
                    },
                  },
                ],
              },
              { Name: 'subscription.2' },
            ],
          },
        ],
      },
    ],
    Logging: { Type: 'File' },
  },
};

function mistakesIn(config: unknown): readonly string[] {
  try {
    readBrokerConfig(typeof config === 'string' ? config : JSON.stringify(config));
  } catch (thrown) {
    const { code, data, message } = thrown as RuntimeError;
    expect(thrown).toBeInstanceOf(RuntimeError);
    expect(code).toBe('CONFIG_INVALID');
    expect(message).toBe((data.mistakes as string[]).join('\n'));
    return data.mistakes as string[];
  }
  return [];
}

/** The example with one queue, of these properties. */
function withQueue(Properties: object, Name = 'q'): unknown {
  return { UserConfig: { Namespaces: [{ Queues: [{ Name, Properties }], Topics: [] }] } };
}

function withRule(rule: unknown): unknown {
  const Subscriptions = [{ Name: 's', Rules: [rule] }];
  return { UserConfig: { Namespaces: [{ Topics: [{ Name: 't', Subscriptions }] }] } };
}

describe('the configuration', () => {
  it('of the emulator is understood, with its defaults', () => {
    expect(readBrokerConfig(JSON.stringify(example))).toEqual({
      queues: [
        {
          name: 'queue.1',
          lockMs: 60_000,
          deliveriesMax: 3,
          requiresSession: false,
          timeToLiveMs: 3_600_000,
          keepsExpired: false,
          duplicateWindowMs: 20_000,
        },
        {
          name: 'plain',
          lockMs: 60_000,
          deliveriesMax: 3,
          requiresSession: false,
          timeToLiveMs: 3_600_000,
          keepsExpired: false,
          duplicateWindowMs: null,
        },
      ],
      topics: [
        {
          name: 'topic.1',
          timeToLiveMs: 14 * 86_400_000,
          duplicateWindowMs: null,
          subscriptions: [
            {
              name: 'subscription.1',
              lockMs: 500,
              deliveriesMax: 10,
              requiresSession: true,
              timeToLiveMs: 3_600_000,
              keepsExpired: true,
              rules: [
                {
                  name: 'app-prop-filter-1',
                  filter: {
                    kind: 'correlation',
                    system: { contenttype: 'application/json', label: 'subject1' },
                    user: { prop1: 'value1', n: 1, yes: true },
                  },
                },
                { name: 'sql', filter: { kind: 'sql', expression: "sys.MessageId = '123456'" } },
              ],
            },
            {
              name: 'subscription.2',
              lockMs: 60_000,
              deliveriesMax: 3,
              requiresSession: false,
              timeToLiveMs: 3_600_000,
              keepsExpired: false,
              rules: [{ name: '$Default', filter: { kind: 'true' } }],
            },
          ],
        },
      ],
    });
  });

  it.each([
    ['not json', /is not JSON/],
    [{}, /^UserConfig is missing/],
    [{ UserConfig: [] }, /^UserConfig must be an object/],
    [{ UserConfig: { Namespaces: [{}, {}] } }, /^Namespaces must have one/],
    [{ UserConfig: { Namespaces: {} } }, /^Namespaces must be a list/],
    [withQueue({}, 'no spaces'), /^Queues\[0\]\.Name must be letters/],
    [withQueue({}, '$cbs'), /^Queues\[0\]\.Name must be letters/],
    [withQueue({ LockDuration: '1 minute' }), /LockDuration must be an ISO 8601 duration/],
    [withQueue({ LockDuration: 'PT10M' }), /LockDuration .* at most 300 seconds/],
    [withQueue({ LockDuration: 'PT0S' }), /LockDuration must be/],
    [withQueue({ MaxDeliveryCount: 0 }), /MaxDeliveryCount must be a whole number from 1/],
    [withQueue({ RequiresSession: 'yes' }), /RequiresSession must be true or false/],
    [withQueue({ Colour: 'red' }), /Properties\.Colour is not known/],
    [withQueue({ ForwardTo: 'other' }), /ForwardTo is not supported by the local broker/],
    [
      withQueue({ ForwardDeadLetteredMessagesTo: 'x' }),
      /ForwardDeadLetteredMessagesTo is not supp/,
    ],
    [withRule({ Name: 'r', Properties: { FilterType: 'Any' } }), /FilterType must be Sql or Corr/],
    [
      withRule({
        Name: 'r',
        Properties: { FilterType: 'Sql', SqlFilter: { SqlExpression: 'a =' } },
      }),
      /expected a property or a value/,
    ],
    [
      withRule({ Name: 'r', Properties: { FilterType: 'Correlation', CorrelationFilter: {} } }),
      /must name at least one property/,
    ],
    [
      withRule({
        Name: 'r',
        Properties: {
          FilterType: 'Sql',
          SqlFilter: { SqlExpression: '1=1' },
          Action: { SqlExpression: 'SET a = 1' },
        },
      }),
      /Action is not supported/,
    ],
  ])('%j is refused with its place and reason', (config, mistake) => {
    expect(mistakesIn(config).join('\n')).toMatch(mistake);
  });

  it('tells all its mistakes at once', () => {
    const wrong = { LockDuration: 'x', MaxDeliveryCount: -1, Colour: 1, RequiresSession: 1 };
    expect(mistakesIn(withQueue(wrong))).toHaveLength(4);
  });

  it('names no two things alike, whatever their case', () => {
    const Queues = [{ Name: 'Orders' }];
    const Topics = [{ Name: 'orders', Subscriptions: [{ Name: 's' }, { Name: 'S' }] }];
    expect(mistakesIn({ UserConfig: { Namespaces: [{ Queues, Topics }] } })).toEqual([
      "Topics[0].Subscriptions have two of the name 's'",
      "queues and topics have two of the name 'orders'",
    ]);
  });

  it('by default has what CogniSync needs', () => {
    const [topic] = defaultBrokerConfig.topics;
    expect(topic?.name).toBe('cognisync-events');
    expect(
      topic?.subscriptions.map(({ name, requiresSession }) => [name, requiresSession]),
    ).toEqual([
      ['knowledge-graph-subscription', true],
      ['knowledge-graph-subscription-intake', false],
    ]);
  });
});

it.each([
  ['PT1M', 60_000],
  ['PT1H30M', 5_400_000],
  ['P1DT1S', 86_401_000],
  ['P2W', 1_209_600_000],
  ['PT0.25S', 250],
  ['P', null],
  ['PT', null],
  ['P1M', null],
  ['1M', null],
  ['', null],
])('the duration %s is %s ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});
