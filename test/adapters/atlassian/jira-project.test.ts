/** Projects and people of Jira, in bodies made for the test. */
import { describe, expect, test } from 'vitest';
import { issue, issueEvent, person, project, sentAt } from './bodies.ts';
import { entityIn, gist, jira, read, site } from './delivered.ts';
import { play } from './played.ts';

const id = (local: string | number) => `jira:${site}:issue:${local}`;
const account = (name: string) => `atlassian:account:${name}`;
const invalid = expect.objectContaining({ code: 'WEBHOOK_INVALID' });

describe('a project', () => {
  const event = (verb: string, more: object = {}) =>
    read(jira, {
      timestamp: sentAt,
      webhookEvent: `project_${verb}`,
      project: { ...project('10', 'OPS'), id: 10, projectLead: person('ann'), ...more },
    });
  const projectId = `jira:${site}:project:10`;

  test.each([
    ['created', 'CREATE_ENTITY'],
    ['updated', 'UPDATE_ENTITY'],
    ['archived', 'UPDATE_ENTITY'],
    ['restored_archived', 'UPDATE_ENTITY'],
    ['restored_deleted', 'CREATE_ENTITY'],
  ])('%s is %s, with its lead', (verb, type) => {
    const found = event(verb);
    expect(entityIn(found, projectId)).toMatchObject({
      messageType: type,
      entityType: 'PROJECT',
      properties: { kind: 'project', key: 'OPS', name: 'Project OPS' },
    });
    expect(play(found.messages).edges).toEqual([
      `${projectId} RELATED_TO ${account('ann')} (lead)`,
    ]);
  });

  test('says whether it is archived', () => {
    expect(entityIn(event('archived'), projectId).properties.isArchived).toBe(true);
    expect(entityIn(event('restored_archived'), projectId).properties.isArchived).toBe(false);
    expect(entityIn(event('updated'), projectId).properties).not.toHaveProperty('isArchived');
  });

  test('comes back from the trash, not from a purge', () => {
    const there = (...verbs: string[]) =>
      play(verbs.flatMap((verb) => event(verb).messages)).nodes.has(projectId);
    expect(there('created', 'soft_deleted')).toBe(false);
    expect(there('created', 'soft_deleted', 'restored_deleted')).toBe(true);
    expect(there('created', 'restored_deleted', 'deleted')).toBe(false);
    expect(() => event('created', { id: undefined })).toThrow(invalid);
  });
});

describe('a person', () => {
  const reported = (reporter: object | null) =>
    read(jira, issueEvent('updated', issue('1', { reporter }))).messages;
  const edges = (reporter: object | null) => play(reported(reporter)).edges;

  test.each<[string, object, string]>([
    ['of the Cloud', person('ann', { key: 'k', name: 'n' }), 'atlassian:account:ann'],
    ['of Data Center', { key: 'JIRAUSER10100', name: 'ann' }, `jira:${site}:user:JIRAUSER10100`],
    ['of an old server', { name: 'ann' }, `jira:${site}:user:ann`],
    [
      'known by address',
      { self: `https://${site}/rest/api/2/user?username=ann` },
      `jira:${site}:user:ann`,
    ],
    [
      'known by account address',
      { self: 'https://x/rest/api/2/user?accountId=5%3Aann' },
      'atlassian:account:5:ann',
    ],
    ['with a null account', { accountId: null, key: 'ann' }, `jira:${site}:user:ann`],
  ])('%s is that person', (_, reporter, expected) => {
    expect(edges(reporter)).toEqual([`${id(1)} AUTHORED_BY ${expected} (author)`]);
  });

  test.each<[string, object | null]>([
    ['an app', person('bot', { accountType: 'app' })],
    ['an anonymised account', person('unknown', { displayName: 'Former user' })],
    ['a blanked account', person('', { key: 'ann', name: 'ann' })],
    ['nobody', null],
    ['nothing that can be named', { displayName: 'Former user' }],
  ])('that is %s is none: the slot is empty', (_, reporter) => {
    expect(reported(reporter).map(gist)).toEqual([
      `UPDATE_ENTITY ${id(1)}`,
      `UNLINK_ENTITIES ${id(1)}/author`,
    ]);
  });

  test('has a name and an address of mail, and neither picture nor time zone', () => {
    const reporter = person('ann', {
      emailAddress: 'ann@acme.example',
      timeZone: 'x',
      avatarUrls: {},
    });
    const found = read(jira, issueEvent('updated', issue('1', { reporter })));
    expect(entityIn(found, account('ann')).properties).toEqual({
      name: 'Person ann',
      email: 'ann@acme.example',
      isActive: true,
      accountId: 'ann',
    });
  });

  test.each([
    ['user_created', { user: person('ann') }, 'CREATE_ENTITY'],
    ['user_updated', { user: person('ann') }, 'UPDATE_ENTITY'],
    ['user_deleted', { user: person('ann') }, 'DELETE_ENTITY'],
    ['user_deleted', { accountId: 'ann', username: 'ann' }, 'DELETE_ENTITY'],
  ])('of %s with %j is said by %s', (webhookEvent, body, type) => {
    expect(read(jira, { webhookEvent, timestamp: sentAt, ...body }).messages.map(gist)).toEqual([
      `${type} ${account('ann')}`,
    ]);
  });

  test('whose deletion names no one we could know is left alone; one without a name is refused', () => {
    const deleted = { webhookEvent: 'user_deleted', timestamp: sentAt };
    expect(read(jira, { ...deleted, accountId: 'unknown' }).ignored).toBe(true);
    expect(() => read(jira, deleted)).toThrow(invalid);
  });
});
