import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readConfig } from '#infra';
import { RuntimeError } from '#runtime';
import { ManualClock } from '#test/clock';
import { createLogger, LoggedTelemetry } from '../../infra/logging.ts';
import { redactionOf, secretsIn } from '../../infra/redaction.ts';

/** A logger with what it wrote. */
function logging(secrets: readonly string[] = [], level: 'debug' | 'info' = 'debug') {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const logger = createLogger(level, redactionOf(secrets), stream);
  return { logger, last: () => JSON.parse(lines.at(-1) ?? ''), lines };
}

describe('a line of the log', () => {
  it('about a message has the form that the specification gives it', () => {
    const { last, logger } = logging();
    const what = { messageId: 'm-1', messageType: 'CREATE_ENTITY', code: 'STATE_TOO_LARGE', ms: 4 };
    new LoggedTelemetry(logger, new ManualClock()).record({
      name: 'message-dead-lettered',
      ...what,
    });
    expect(last()).toEqual({
      level: 'warn',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      service: 'cognisync',
      messageId: 'm-1',
      messageType: 'CREATE_ENTITY',
      operation: 'dlq',
      duration: 4,
      error: 'STATE_TOO_LARGE',
      metadata: {},
      msg: 'message-dead-lettered',
    });
  });

  it('about a message that went well is written at debug alone', () => {
    const done = {
      name: 'message-completed',
      messageId: 'm-1',
      messageType: 'CREATE_ENTITY',
      events: 2,
      ms: 4,
    } as const;
    const quiet = logging([], 'info');
    const isNotRead = {
      ...done,
      get events(): number {
        throw new Error('a line was made');
      },
    };
    new LoggedTelemetry(quiet.logger, new ManualClock()).record(isNotRead);
    expect(quiet.lines).toEqual([]);
    const { last, logger } = logging();
    new LoggedTelemetry(logger, new ManualClock()).record(done);
    expect(last()).toMatchObject({
      level: 'debug',
      messageId: 'm-1',
      messageType: 'CREATE_ENTITY',
      operation: 'complete',
      duration: 4,
      metadata: { events: 2 },
    });
  });

  it('about what is published is one, and has nothing of its bodies', () => {
    const { last, lines, logger } = logging();
    const telemetry = new LoggedTelemetry(logger, new ManualClock());
    const name = 'messages-published';
    const one = { messageId: 'm-1', messageType: 'CREATE_ENTITY', body: 'the text of a user' };
    telemetry.record({ name, messages: [one], ms: 3, code: 'BUS_SATURATED' });
    expect(last()).toMatchObject({
      messageId: 'm-1',
      messageType: 'CREATE_ENTITY',
      operation: 'send',
      duration: 3,
      error: 'BUS_SATURATED',
      metadata: {},
    });
    const { body, messageId } = one;
    const untold = { messageId, body };
    const link = { messageId: 'm-2', messageType: 'LINK_ENTITIES', body };
    telemetry.record({ name, messages: [one, link, one, untold], ms: 3 });
    expect(last()).toMatchObject({
      messageId: '',
      operation: 'send',
      metadata: { messages: 4, types: { CREATE_ENTITY: 2, LINK_ENTITIES: 1, unknown: 1 } },
    });
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toContain('the text of a user');
  });

  it('never has a secret of the configuration in it, wherever that stood', () => {
    const secret = fc.string({ minLength: 8, unit: 'binary' });
    const property = fc.property(secret, fc.string(), fc.boolean(), (hidden, text, isKey) => {
      fc.pre(!'[secret][person]'.includes(hidden));
      const { last, lines, logger } = logging([hidden]);
      const said = `${text}${hidden}${text}`;
      const err = new RuntimeError('LOG_UNAVAILABLE', said, { cause: new Error(said) });
      logger.error({ err, deep: [{ [isKey ? said : 'key']: said }] }, said);
      expect(lines).toHaveLength(1);
      expect(stringsIn(last()).filter((one) => one.includes(hidden))).toEqual([]);
    });
    fc.assert(property);
  });

  it.each([
    ['Authorization: Bearer eyJhbGciOiJI.abc', 'eyJhbGciOiJI'],
    ['Endpoint=sb://x/;SharedAccessKey=AbCdEf0123=', 'AbCdEf0123'],
    ['connect postgres://ann:hunter2@db/x failed', 'hunter2'],
    ['no account ann.smith+jira@example.org', 'ann.smith'],
    ['assignee 557058:1b2c3d4e-1111-2222-3333-444455556666 is gone', '1b2c3d4e'],
    ['{"accountId":"5b10ac8d82e05b22cc7d4ef5"}', '5b10ac8d82e05b22cc7d4ef5'],
    ['stream entity-acme/jira:acme.atlassian.net:user:5b10ac8d82e05b22', '5b10ac8d82e05b22'],
    [`Unexpected token 'A', "Ann Smith" is not valid JSON`, 'Ann Smith'],
  ])('hides what it must in: %s', (text, hidden) => {
    const { lines, logger } = logging();
    logger.info({ text }, text);
    expect(lines.join()).not.toContain(hidden);
  });

  it('leaves what is no secret as it is', () => {
    const { last, logger } = logging(['hunter2hunter2']);
    const what = {
      url: 'http://127.0.0.1:3000/entities/a%3Ab',
      position: 12_345,
      path: '/data "x"',
    };
    logger.info(what, 'read');
    expect(last()).toMatchObject(what);
  });
});

describe('the secrets of a configuration', () => {
  it('are all that it holds, and the password within a URL', () => {
    const config = readConfig({
      DATABASE_URL: 'postgres://u:p%40ssword1@h/d',
      SERVICE_BUS_CONNECTION_STRING:
        'Endpoint=sb://n/;SharedAccessKeyName=k;SharedAccessKey=s3cr3tK3y=',
      BLOB_STORAGE_CONNECTION_STRING: 'AccountName=a;AccountKey=bl0bK3y==',
      REDIS_URL: 'redis://:r3dispass@cache',
      CHAT_URL: 'http://127.0.0.1:1/v1',
      CHAT_MODEL: 'm',
      CHAT_API_KEY: 'ch4tkey',
    });
    const token = 'w3bhookt0ken';
    const signed = {
      id: 'c',
      system: 'jira',
      tenantId: 't',
      token,
      secret: 's1gningsecret',
    } as const;
    const secrets = secretsIn({ ...config, connections: new Map([['c', signed]]) });
    for (const one of [
      'p@ssword1',
      's3cr3tK3y=',
      'bl0bK3y==',
      'r3dispass',
      'ch4tkey',
      token,
      signed.secret,
    ]) {
      expect(secrets).toContain(one);
    }
  });
});

function stringsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...stringsIn(inner)]);
}
