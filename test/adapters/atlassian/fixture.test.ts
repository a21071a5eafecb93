/** Captured payloads of real sites: every webhook of the manifest, and one of each kind in detail. */
import { describe, expect, test } from 'vitest';
import type { RuntimeError } from '#runtime';
import {
  confluence,
  fixture,
  gist,
  hasFixtures,
  jira,
  linkIn,
  read,
  webhookFixtures,
} from './delivered.ts';
import { play } from './played.ts';

const pinpt = 'pinpt-hq.atlassian.net';
const mobitel = 'jira.test-example.ru';
const dalston = 'dalstonsemantics.atlassian.net';
const hosts: readonly (readonly [string, string])[] = [
  ['luisfernandezbr', pinpt],
  ['mobitel', mobitel],
  ['cadmiumkitty', dalston],
  ['jenkinsci', 'localhost:2990'],
  ['zulip', 'zulipp.atlassian.net'],
];

/** Reads a fixture as its own site would send it; the event is named where the body doesn't. */
function readFixture(path: string, product: 'jira' | 'confluence', event?: string) {
  const site = hosts.find(([prefix]) => path.startsWith(prefix))![1];
  const connection = { ...(product === 'jira' ? jira : confluence), site };
  return read(connection, fixture(path), event === undefined ? {} : { event });
}

/** Entities with those properties that matter here, links as edges. */
const gistsOf = (path: string, product: 'jira' | 'confluence' = 'jira', event?: string) =>
  readFixture(path, product, event).messages.map(gist);

const unused =
  /^(sprint|board|worklog|jira:worklog)_|^content_(created|updated|removed)$|^board_configuration/;

describe.skipIf(!hasFixtures)('captured webhooks', () => {
  const all = webhookFixtures();

  test('are many', () => {
    expect(all.length).toBeGreaterThan(90);
  });

  test.each(all)('$path ($event) is read, ignored or refused for what it is', (each) => {
    const { path, product, event } = each;
    if (event === 'malformed:') {
      expect(() => readFixture(path, product)).toThrow(
        expect.objectContaining({ code: 'WEBHOOK_INVALID' }),
      );
      return;
    }
    const found = readFixture(path, product, event);
    expect(found.event).toBe(event);
    expect(found.ignored).toBe(unused.test(event));
  });

  test.each(all.filter(({ product }) => product === 'confluence'))(
    '$path without the name of its event is an update or nothing, never an error',
    ({ path }) => {
      expect(gistsOf(path, 'confluence').every((each) => /^(UPDATE|LINK)/.test(each))).toBe(true);
    },
  );

  test.each(all)('$path on the wrong connection is no unknown error', ({ path, product, body }) => {
    const wrong = product === 'jira' ? confluence : jira;
    try {
      read(wrong, body);
    } catch (thrown) {
      expect((thrown as RuntimeError).code).toBe('WEBHOOK_INVALID');
    }
    expect(path).toBeTruthy();
  });
});

describe.skipIf(!hasFixtures)('a captured', () => {
  const issue = (local: string, site = pinpt) => `jira:${site}:issue:${local}`;
  const robin = 'atlassian:account:557058:8b6b268b-17b3-407b-8974-bed4042fa709';
  const jeff = 'atlassian:account:5af9bec4d95cfc55bfb77e36';

  test.each<[string, string, readonly string[]]>([
    [
      'jira:issue_created',
      'luisfernandezbr__jira/jira_issue_created.json',
      [
        `CREATE_ENTITY ${issue('20942')}`,
        `UPDATE_ENTITY jira:${pinpt}:project:10639`,
        `LINK ${issue('20942')} RELATED_TO jira:${pinpt}:project:10639`,
        `UPDATE_ENTITY ${robin}`,
        `LINK ${issue('20942')} AUTHORED_BY ${robin}`,
        `LINK ${issue('20942')} ASSIGNED_TO ${robin}`,
      ],
    ],
    [
      'jira:issue_deleted',
      'luisfernandezbr__jira/jira_issue_deleted.json',
      [`DELETE_ENTITY ${issue('20733')}`],
    ],
    [
      'comment_created',
      'luisfernandezbr__jira/comment_created.json',
      [
        `CREATE_ENTITY jira:${pinpt}:comment:19259`,
        `UPDATE_ENTITY ${issue('11901')}`,
        `UPDATE_ENTITY jira:${pinpt}:project:10601`,
        `LINK ${issue('11901')} RELATED_TO jira:${pinpt}:project:10601`,
        `UPDATE_ENTITY ${robin}`,
        `LINK jira:${pinpt}:comment:19259 AUTHORED_BY ${robin}`,
        `LINK jira:${pinpt}:comment:19259 RELATED_TO ${issue('11901')}`,
      ],
    ],
    [
      'comment_deleted',
      'luisfernandezbr__jira/comment_deleted.json',
      [`DELETE_ENTITY jira:${pinpt}:comment:19261`],
    ],
    [
      'attachment_created',
      'zulip__zulip/attachment_created.json',
      [
        'CREATE_ENTITY jira:zulipp.atlassian.net:attachment:10000',
        'UPDATE_ENTITY jira:zulipp.atlassian.net:issue:10000',
        'UPDATE_ENTITY atlassian:account:5c76b994e1bcdf6294d0eb0f',
        'LINK jira:zulipp.atlassian.net:attachment:10000 AUTHORED_BY atlassian:account:5c76b994e1bcdf6294d0eb0f',
        'LINK jira:zulipp.atlassian.net:attachment:10000 RELATED_TO jira:zulipp.atlassian.net:issue:10000',
      ],
    ],
    [
      'issuelink_created',
      'luisfernandezbr__jira/issuelink_created.json',
      [`LINK ${issue('20734')} DEPENDS_ON ${issue('20192')}`],
    ],
    [
      'issuelink_deleted',
      'luisfernandezbr__jira/issuelink_deleted.json',
      [`UNLINK_ENTITIES jira:${pinpt}:issuelink:22768`],
    ],
    [
      'issuelink_created of type Relates',
      'mobitel-ltd__jira-to-matrix/issuelink-created_relates.json',
      [`LINK ${issue('18074', mobitel)} RELATED_TO ${issue('25877', mobitel)}`],
    ],
    [
      'project_created',
      'luisfernandezbr__jira/project_created.json',
      [
        `CREATE_ENTITY jira:${pinpt}:project:10601`,
        `UPDATE_ENTITY ${jeff}`,
        `LINK jira:${pinpt}:project:10601 RELATED_TO ${jeff}`,
      ],
    ],
    [
      'project_deleted',
      'luisfernandezbr__jira/project_deleted.json',
      [`DELETE_ENTITY jira:${pinpt}:project:10646`],
    ],
    [
      'user_created',
      'luisfernandezbr__jira/user_created.json',
      ['CREATE_ENTITY atlassian:account:5f03c8345ee2c300232945de'],
    ],
    [
      'user_updated',
      'luisfernandezbr__jira/user_updated.json',
      ['UPDATE_ENTITY atlassian:account:5f03c8345ee2c300232945de'],
    ],
  ])('%s says what it shows', (_, path, expected) => {
    expect(gistsOf(path)).toEqual(expected);
  });

  test('comment_created of an old server finds issue and author in addresses', () => {
    expect(gistsOf('mobitel-ltd__jira-to-matrix/comment-created.json')).toEqual([
      `CREATE_ENTITY jira:${mobitel}:comment:31039`,
      `UPDATE_ENTITY ${issue('26313', mobitel)}`,
      `UPDATE_ENTITY jira:${mobitel}:user:ii_ivanov`,
      `LINK jira:${mobitel}:comment:31039 AUTHORED_BY jira:${mobitel}:user:ii_ivanov`,
      `LINK jira:${mobitel}:comment:31039 RELATED_TO ${issue('26313', mobitel)}`,
    ]);
  });

  test('user_deleted is routed by its URL', () => {
    expect(gistsOf('luisfernandezbr__jira/user_deleted.json', 'jira', 'user_deleted')).toEqual([
      'DELETE_ENTITY atlassian:account:5f03c8345ee2c300232945de',
    ]);
  });

  test('move keeps the id and changes key and project', () => {
    const found = readFixture('luisfernandezbr__jira/jira_issue_updated.project.json', 'jira');
    const { nodes, edges } = play(found.messages);
    const [id, moved] = [...nodes].find(([name]) => name.includes(':issue:'))!;
    expect(moved.key).toBe('GOLD-208');
    expect(edges).toContain(`${id} RELATED_TO jira:${pinpt}:project:10639 (container)`);
  });

  test('update with a parent, of which only the changelog has the id, is its child', () => {
    const found = readFixture('mobitel-ltd__jira-to-matrix/issue-created.json', 'jira');
    const { payload } = linkIn(found, `${issue('30369', mobitel)}/parent`);
    expect(payload).toMatchObject({
      targetEntityId: issue('25209', mobitel),
      properties: { role: 'parent', subtype: 'epic' },
    });
  });

  test('update of Data Center has its comments and people in it', () => {
    const { edges } = play(
      readFixture('jenkinsci__jira-trigger-plugin/integration-addComment.json', 'jira').messages,
    );
    const place = 'jira:localhost:2990';
    expect(edges).toEqual([
      `${place}:comment:10000 AUTHORED_BY ${place}:user:admin (author)`,
      `${place}:comment:10000 RELATED_TO ${place}:issue:10000 (container)`,
      `${place}:issue:10000 ASSIGNED_TO ${place}:user:admin (assignee)`,
      `${place}:issue:10000 AUTHORED_BY ${place}:user:admin (author)`,
      `${place}:issue:10000 RELATED_TO ${place}:project:10000 (container)`,
    ]);
  });

  test('link 10656 has in webhook and REST one direction: 11961 depends on 11442', () => {
    const webhook = readFixture('mobitel-ltd__jira-to-matrix/issuelink-created.json', 'jira');
    const rest = JSON.parse(
      new TextDecoder().decode(fixture('mobitel-ltd__jira-to-matrix/rest-issuelink.json')),
    );
    const id = `jira:${mobitel}:issuelink:10656`;
    const told = linkIn(webhook, id).payload;
    expect(told).toMatchObject({
      relationshipType: 'DEPENDS_ON',
      sourceEntityId: issue('11961', mobitel),
      targetEntityId: issue('11442', mobitel),
    });
    // As the two issues would list it: the REST answer has its ends by their place.
    for (const [end, other] of [
      ['inwardIssue', 'outwardIssue'],
      ['outwardIssue', 'inwardIssue'],
    ] as const) {
      const { id: linkId, type } = rest;
      const issuelinks = [{ id: linkId, type, [other]: rest[other] }];
      const body = {
        webhookEvent: 'jira:issue_updated',
        timestamp: 1545123444746,
        issue: { ...rest[end], fields: { ...rest[end].fields, issuelinks } },
      };
      const seen = linkIn(read({ ...jira, site: mobitel }, body), id).payload;
      expect({ ...seen, metadata: null }).toEqual({ ...told, metadata: null });
    }
  });

  const page = `confluence:${dalston}:page:1188560897`;
  const eugene = 'atlassian:account:557058:d092c978-5ab7-4c8a-8d87-32ffac22c584';
  const space = `confluence:${dalston}:space:~323528440`;
  const whole = [
    `UPDATE_ENTITY ${eugene}`,
    `LINK ${page} AUTHORED_BY ${eugene}`,
    `UPDATE_ENTITY ${space}`,
    `LINK ${page} RELATED_TO ${space}`,
  ];

  test.each<[string, readonly string[]]>([
    ['page_updated', [`UPDATE_ENTITY ${page}`, ...whole]],
    ['page_moved', [`UPDATE_ENTITY ${page}`, ...whole]],
    ['page_restored', [`CREATE_ENTITY ${page}`, ...whole]],
    ['page_trashed', [`DELETE_ENTITY ${page}`]],
    ['page_removed', [`DELETE_ENTITY confluence:${dalston}:page:1183744007`]],
  ])('%s says what it shows', (event, expected) => {
    const path = `cadmiumkitty__taxonomies-for-confluence/WEBHOOKS-${event}.json`;
    expect(gistsOf(path, 'confluence', event)).toEqual(expected);
  });

  test('life of a blog post, all at one millisecond, goes as its events say', () => {
    const told = (...names: string[]) =>
      play(
        names.flatMap((name) => {
          const path = `cadmiumkitty__taxonomies-for-confluence/Blog${name}.json`;
          return readFixture(path, 'confluence', `blog_${name.toLowerCase()}`).messages;
        }),
      ).nodes.has(`confluence:${dalston}:blogpost:1192525828`);
    expect(told('Created', 'Updated')).toBe(true);
    expect(told('Created', 'Updated', 'Trashed')).toBe(false);
    expect(told('Created', 'Updated', 'Trashed', 'Restored')).toBe(true);
    expect(told('Created', 'Updated', 'Trashed', 'Restored', 'Removed')).toBe(false);
  });
});
