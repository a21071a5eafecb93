/** One delivery: bytes, event, site, identity, stamps; whatever is the same for all events. */
import { describe, expect, test } from 'vitest';
import { defaultConnections, readDelivery, SiteMemory } from '#adapters/atlassian';
import { limits } from '#runtime';
import { at } from '../../../adapters/atlassian/json.ts';
import { issue, issueEvent, page, pageEvent, person, sentAt } from './bodies.ts';
import { bytes, confluence, entityIn, gist, jira, read, receivedAt, site } from './delivered.ts';
import { play } from './played.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('a body', () => {
  test.each([
    ['no JSON', 'hello', 'MESSAGE_NOT_JSON'],
    ['cut off', '{"webhookEvent":"jira:iss', 'MESSAGE_NOT_JSON'],
    ['empty', '', 'MESSAGE_NOT_JSON'],
    ['no UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'MESSAGE_NOT_JSON'],
    ['a list', '[]', 'WEBHOOK_INVALID'],
    ['null', 'null', 'WEBHOOK_INVALID'],
    ['a text', '"x"', 'WEBHOOK_INVALID'],
    ['nested too deep', `{"a":${'['.repeat(80)}${']'.repeat(80)}}`, 'WEBHOOK_INVALID'],
    ['nested absurdly', `{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`, 'WEBHOOK_INVALID'],
    ['hiding a prototype', '{"issue":{"__proto__":{"id":"1"}}}', 'WEBHOOK_INVALID'],
    ['too large', new Uint8Array(limits.messageBytesMax + 1), 'MESSAGE_TOO_LARGE'],
  ])('that is %s is refused', (_, body, expected) => {
    expect(() => read(jira, body)).toThrow(code(expected));
  });

  test('may have junk around what is documented', () => {
    const junk = { level: 'silly', message: 'Jira body', label: '/src/app.js', constructor: 1 };
    const found = read(jira, { ...issueEvent('updated', issue('1')), ...junk });
    expect(found.messages).toHaveLength(1);
  });

  test('in a byte order mark is read', () => {
    const text = `\ufeff${JSON.stringify(issueEvent('updated', issue('1')))}`;
    expect(read(jira, text).messages).toHaveLength(1);
  });

  test('that comes to too many messages is refused', () => {
    const many = Array.from({ length: limits.deliveryMessagesMax }, (_, at) => ({ id: at + 10 }));
    const body = issueEvent('updated', issue('1', { attachment: many }));
    expect(() => read(jira, body)).toThrow(code('MESSAGE_TOO_LARGE'));
  });
});

describe('the event', () => {
  const body = pageEvent(page(7));

  test.each([
    ['the body', { ...body, event: 'page_trashed' }, { event: 'page_created' }],
    ['the path', body, { eventFromPath: 'page_trashed', event: 'page_created' }],
    ['the query', body, { event: 'page_trashed' }],
    ['the body of some senders', { ...body, eventType: 'page_trashed' }, {}],
  ])('is named by %s', (_, said, sent) => {
    const found = read(confluence, said, sent);
    expect(found.event).toBe('page_trashed');
    expect(found.messages.map(gist)).toEqual([`DELETE_ENTITY confluence:${site}:page:7`]);
  });

  test('that nothing names is an update of what was sent, never more', () => {
    const found = read(confluence, pageEvent(page(7, { version: 1 })));
    expect(found.event).toBe('page_updated');
    expect(entityIn(found, `confluence:${site}:page:7`).messageType).toBe('UPDATE_ENTITY');
    expect(read(jira, { issue: issue('1') }).event).toBe('jira:issue_updated');
  });

  test('that nothing names and nothing shows is refused', () => {
    expect(() => read(jira, { accountId: 'ann', username: 'ann' })).toThrow(
      code('WEBHOOK_INVALID'),
    );
    expect(() => read(confluence, { timestamp: sentAt })).toThrow(code('WEBHOOK_INVALID'));
    expect(() => read(jira, {}, { event: 'no name' })).toThrow(code('WEBHOOK_INVALID'));
  });

  test('that is not used is ignored, whatever is in it', () => {
    for (const webhookEvent of [
      'sprint_started',
      'worklog_created',
      'jira:version_released',
      'x',
    ]) {
      const found = read(jira, { webhookEvent, issue: 'nonsense' });
      expect(found).toMatchObject({ event: webhookEvent, ignored: true, messages: [] });
    }
  });

  test('of the other product is ignored', () => {
    expect(read(jira, { ...body, event: 'page_updated' }).ignored).toBe(true);
  });
});

describe('the site', () => {
  const body = issueEvent('updated', issue('1'));
  const unplaced = defaultConnections().get('jira')!;

  test("is the connection's, whatever host the body shows", () => {
    const other = JSON.parse(JSON.stringify(body).replaceAll(site, 'evil.example'));
    const found = read(jira, other);
    expect(found.messages.map(gist)).toEqual([`UPDATE_ENTITY jira:${site}:issue:1`]);
    expect(entityIn(found, `jira:${site}:issue:1`).source.url).toBe(`https://${site}/browse/KEY-1`);
  });

  test('of a connection without one is learned, also for bodies that show none', () => {
    const sites = new SiteMemory();
    const link = { webhookEvent: 'issuelink_deleted', issueLink: { id: 9 } };
    const ids = [link, body, link].map((each) => {
      const delivery = { headers: {}, query: {}, receivedAt, body: bytes(each) };
      return readDelivery(unplaced, delivery, sites).messages.map(gist)[0];
    });
    expect(ids).toEqual([
      'UNLINK_ENTITIES jira:jira:issuelink:9',
      `UPDATE_ENTITY jira:${site}:issue:1`,
      `UNLINK_ENTITIES jira:${site}:issuelink:9`,
    ]);
  });

  test('keeps entities of two sites with the same id apart', () => {
    const [one, other] = [jira, { ...jira, site: 'other.atlassian.net' }].map((connection) =>
      read(connection, body).messages.map(gist),
    );
    expect(one).not.toEqual(other);
  });
});

describe('a delivery that comes again', () => {
  const body = issueEvent('updated', issue('1', { assignee: person('ann') }));

  test('gives the same messages', () => {
    const headers = { 'x-atlassian-webhook-identifier': 'abc' };
    const retried = { ...headers, 'x-atlassian-webhook-retry': '2' };
    const [first, again] = [headers, retried].map((each) => read(jira, body, { headers: each }));
    expect(again).toEqual(first);
    expect(first?.deliveryId).toBe(`jira:${site}:abc`);
  });

  test('gives the same ids though nothing in it tells the time and the clock went on', () => {
    const sent = { event: 'user_deleted', headers: { 'x-atlassian-webhook-identifier': 'abc' } };
    const user = { accountId: 'ann', username: 'ann' };
    const [first, again] = [receivedAt, receivedAt + 60_000].map(
      (at) => read(jira, user, { ...sent, receivedAt: at }).messages,
    );
    expect(first?.map(({ messageId }) => messageId)).toEqual(
      again?.map(({ messageId }) => messageId),
    );
    expect(play([...first!, ...again!]).events).toBe(play(first!).events);
  });

  test('and the same words in another delivery are the same messages', () => {
    const ids = ['abc', 'def'].map((identifier) => {
      const headers = { 'x-atlassian-webhook-identifier': identifier };
      return read(jira, body, { headers }).messages.map(({ messageId }) => messageId);
    });
    expect(ids[0]).toEqual(ids[1]);
  });

  test('without an identifier is known by its bytes and its event', () => {
    const ids = [
      read(confluence, pageEvent(page(7)), { event: 'page_updated' }),
      read(confluence, pageEvent(page(7)), { event: 'page_updated' }),
      read(confluence, pageEvent(page(7)), { event: 'page_moved' }),
      read(confluence, pageEvent(page(8)), { event: 'page_updated' }),
    ].map(({ deliveryId }) => deliveryId);
    expect(ids[0]).toBe(ids[1]);
    expect(new Set(ids).size).toBe(3);
  });
});

describe('a stamp', () => {
  const stampIn = (body: object, id = `jira:${site}:issue:1`) =>
    entityIn(read(jira, body), id).metadata.extractedAt;
  const withUpdated = (updated: unknown, timestamp: unknown) => ({
    ...issueEvent('updated', issue('1', { updated })),
    timestamp,
  });

  test.each([
    ["the issue's own time", '2026-11-20T11:00:00.400+0100', sentAt, '2026-11-20T10:00:00.400'],
    ["the body's where the issue has none", null, sentAt, '2026-11-20T10:00:00.500'],
    ['of receipt where there is only junk', 'yesterday', '2018-12-18 11:57:24,746', null],
    ['of receipt where milliseconds are seconds', null, 1_763_632_800, null],
    ['of receipt where the time is far ahead', '2999-01-01T00:00:00.000+0000', 9e12, null],
    ['of receipt where it is no number', null, Number.MAX_VALUE, null],
  ])('is %s', (_, own, timestamp, expected) => {
    const instant = expected ?? new Date(receivedAt).toISOString().slice(0, 23);
    expect(stampIn(withUpdated(own, timestamp))).toBe(`${instant}000001Z`);
  });

  test('of something mentioned is never later than that of what mentions it', () => {
    const body = issueEvent('updated', issue('1', { assignee: person('ann') }));
    expect(stampIn(body, 'atlassian:account:ann')).toBe('2026-11-20T10:00:00.400Z');
  });

  test('of a bare mention is older than anything that is known', () => {
    const comment = { id: '5', self: `https://${site}/rest/api/2/issue/1/comment/5` };
    const body = { webhookEvent: 'comment_created', timestamp: sentAt, comment };
    const known = read(jira, issueEvent('created', issue('1')));
    const { nodes } = play([...known.messages, ...read(jira, body).messages]);
    expect(nodes.get(`jira:${site}:issue:1`)).toMatchObject({ title: 'Issue 1' });
    expect(stampIn(body)).toBe('2000-01-01T00:00:00.000Z');
  });

  test('of a deletion beats the last update of the same millisecond', () => {
    const both = { modificationDate: sentAt };
    const trashed = read(confluence, pageEvent(page(7, both)), { event: 'page_trashed' });
    const restored = read(confluence, pageEvent(page(7, both)), { event: 'page_restored' });
    const removed = read(confluence, pageEvent(page(7, both)), { event: 'page_removed' });
    const created = read(confluence, pageEvent(page(7, both)), { event: 'page_created' });
    const there = (...found: (typeof trashed)[]) =>
      [found, found.toReversed()].map((each) =>
        play(each.flatMap(({ messages }) => messages)).nodes.has(`confluence:${site}:page:7`),
      );
    expect(there(created, trashed)).toEqual([false, false]);
    expect(there(created, trashed, restored)).toEqual([true, true]);
    expect(there(created, trashed, restored, removed)).toEqual([false, false]);
  });
});

describe('text', () => {
  const titleOf = (summary: string) =>
    entityIn(read(jira, issueEvent('updated', issue('1', { summary }))), `jira:${site}:issue:1`)
      .properties.title;

  test('loses what no store keeps', () => {
    expect(titleOf('a\u0000b\u0007c')).toBe('abc');
    expect(
      read(
        jira,
        JSON.stringify(issueEvent('updated', issue('1', { summary: '#' }))).replace('#', '\\ud83d'),
      ).messages,
    ).toHaveLength(1);
  });

  test('of a title ends at 255 characters, running text at its limit with a mark', () => {
    expect(titleOf('x'.repeat(1000))).toHaveLength(255);
    const body = issueEvent('updated', issue('1', { description: 'y'.repeat(300_000) }));
    const { text } = entityIn(read(jira, body), `jira:${site}:issue:1`).properties;
    expect(text).toHaveLength(limits.textCharsMax);
    expect(text).toMatch(/y\n\[…\]$/);
  });
});

test('a name that every object has is not found where it was not sent', () => {
  expect(at({ items: {} }, 'items', 'toString')).toBeUndefined();
  expect(at(JSON.parse('{"toString":"to"}'), 'toString')).toBe('to');
});
