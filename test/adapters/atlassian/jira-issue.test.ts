/** Issues and their parents, in bodies made for the test. */
import { describe, expect, test } from 'vitest';
import { changelog, fragment, issue, issueEvent, person, project, updated } from './bodies.ts';
import { entityIn, gist, jira, read, site } from './delivered.ts';
import { play } from './played.ts';

const id = (local: string | number) => `jira:${site}:issue:${local}`;
const account = (name: string) => `atlassian:account:${name}`;
const invalid = expect.objectContaining({ code: 'WEBHOOK_INVALID' });
const edgesOf = (...bodies: object[]) =>
  play(bodies.flatMap((body) => read(jira, body).messages)).edges;

describe('an issue', () => {
  test('is created whole, with its people, its project and its parent', () => {
    const body = issueEvent(
      'created',
      issue('1', {
        description: 'Why',
        status: { name: 'To Do', statusCategory: { key: 'new' } },
        priority: { name: 'Highest' },
        labels: ['a', 'b'],
        components: [{ name: 'api' }],
        fixVersions: [{ name: '1.0' }],
        resolution: null,
        duedate: null,
        project: project('10', 'OPS'),
        reporter: person('ann'),
        assignee: person('bob'),
        parent: fragment('9'),
      }),
    );
    const found = read(jira, body);
    expect(entityIn(found, id(1))).toMatchObject({
      messageType: 'CREATE_ENTITY',
      entityType: 'ISSUE',
      properties: {
        key: 'KEY-1',
        title: 'Issue 1',
        text: 'Why',
        status: 'To Do',
        statusCategory: 'new',
        issueType: 'Task',
        priority: 'Highest',
        labels: ['a', 'b'],
        components: ['api'],
        fixVersions: ['1.0'],
        resolution: null,
        dueDate: null,
        createdAt: '2026-11-01T08:00:00.000Z',
        updatedAt: '2026-11-20T10:00:00.400Z',
      },
      source: { system: 'jira', id: '1', url: `https://${site}/browse/KEY-1` },
      metadata: { importance: 'CRITICAL', confidence: 'HIGH' },
    });
    expect(found.messages.map(gist)).toEqual([
      `CREATE_ENTITY ${id(1)}`,
      `UPDATE_ENTITY jira:${site}:project:10`,
      `LINK ${id(1)} RELATED_TO jira:${site}:project:10`,
      `UPDATE_ENTITY ${account('ann')}`,
      `LINK ${id(1)} AUTHORED_BY ${account('ann')}`,
      `UPDATE_ENTITY ${account('bob')}`,
      `LINK ${id(1)} ASSIGNED_TO ${account('bob')}`,
      `UPDATE_ENTITY ${id(9)}`,
      `LINK ${id(1)} RELATED_TO ${id(9)}`,
    ]);
  });

  test('with a number for an id is the same issue', () => {
    const numbered = { ...issue('1'), id: 1 };
    expect(entityIn(read(jira, issueEvent('updated', numbered)), id(1)).source.id).toBe('1');
  });

  test.each([
    ['no issue', {}],
    ['no id', { issue: { fields: {} } }],
    ['an id that lost digits', { issue: { ...issue('1'), id: 2 ** 60 } }],
    ['an id of another type', { issue: { ...issue('1'), id: ['1'] } }],
    ['no fields', { issue: { id: '1' } }],
    ['fields of another type', { issue: { id: '1', fields: [] } }],
  ])('with %s is refused', (_, more) => {
    expect(() => read(jira, { webhookEvent: 'jira:issue_updated', ...more })).toThrow(invalid);
  });

  test('without reporter is by its creator', () => {
    const body = issueEvent('updated', issue('1', { creator: person('ann') }));
    expect(edgesOf(body)).toEqual([`${id(1)} AUTHORED_BY ${account('ann')} (author)`]);
  });

  test('whose assignee changes has one assignee, in whatever order it is told', () => {
    const at = (time: string, assignee: object | null) =>
      issueEvent('updated', issue('1', { assignee, updated: `2026-11-20T${time}:00.000+0000` }));
    const bodies = [
      at('08:00', person('ann')),
      at('09:00', person('bob')),
      at('10:00', person('eve')),
    ];
    const expected = [`${id(1)} ASSIGNED_TO ${account('eve')} (assignee)`];
    expect(edgesOf(...bodies)).toEqual(expected);
    expect(edgesOf(...bodies.toReversed())).toEqual(expected);
    expect(edgesOf(...bodies, at('11:00', null))).toEqual([]);
    expect(edgesOf(at('11:00', null), ...bodies)).toEqual([]);
  });

  test('in a fragment says nothing about what the fragment leaves empty', () => {
    const comment = { id: '5', body: 'x', updated, author: person('ann') };
    const partial = {
      id: '1',
      key: 'KEY-1',
      fields: { summary: 'S', assignee: null, priority: null },
    };
    const found = read(jira, { webhookEvent: 'comment_created', comment, issue: partial });
    expect(found.messages.map(gist)).not.toContain(`UNLINK_ENTITIES ${id(1)}/assignee`);
    expect(entityIn(found, id(1)).properties).toEqual({ key: 'KEY-1', title: 'S' });
  });

  test('without a time of change is not whole: what is empty in it is not known to be', () => {
    const body = issueEvent(
      'updated',
      issue('1', { updated: undefined, assignee: null, duedate: null }),
    );
    const found = read(jira, body);
    expect(found.messages.map(gist)).toEqual([`UPDATE_ENTITY ${id(1)}`]);
    expect(entityIn(found, id(1)).properties).not.toHaveProperty('dueDate');
  });

  test('that is deleted goes with its comments and attachments, and stays', () => {
    const whole = issue('1', {
      comment: { comments: [{ id: '5', updated }] },
      attachment: [{ id: '6', created: updated }],
    });
    const deletion = issueEvent('deleted', whole);
    expect(read(jira, deletion).messages.map(gist)).toEqual([
      `DELETE_ENTITY ${id(1)}`,
      `DELETE_ENTITY jira:${site}:comment:5`,
      `DELETE_ENTITY jira:${site}:attachment:6`,
    ]);
    const late = read(jira, issueEvent('updated', whole)).messages;
    expect(play([...read(jira, deletion).messages, ...late]).nodes.size).toBe(0);
  });
});

describe('a parent', () => {
  test('of a sub-task is told by either of the two, as one edge', () => {
    const child = issue('2', {
      parent: fragment('1'),
      issuetype: { name: 'Sub-task', subtask: true },
    });
    const parent = issue('1', { subtasks: [fragment('2')] });
    const expected = [`${id(2)} RELATED_TO ${id(1)} (parent subtask)`];
    expect(edgesOf(issueEvent('updated', child))).toEqual(expected);
    expect(edgesOf(issueEvent('updated', parent))).toEqual(expected);
    expect(edgesOf(issueEvent('updated', child), issueEvent('updated', parent))).toEqual(expected);
  });

  test.each(['Parent', 'IssueParentAssociation', 'Epic Link'])(
    'that the changelog alone names, as %s, is linked and unlinked',
    (field) => {
      const change = (to: string | null) =>
        read(jira, issueEvent('updated', issue('1'), changelog({ field, from: null, to })))
          .messages;
      expect(change('7').map(gist)).toContain(`LINK ${id(1)} RELATED_TO ${id(7)}`);
      expect(change(null).map(gist)).toContain(`UNLINK_ENTITIES ${id(1)}/parent`);
    },
  );

  test('that the issue has goes before what the changelog says of another kind of parent', () => {
    const change = changelog({ field: 'Epic Link', from: '7', to: null });
    const body = issueEvent('updated', issue('1', { parent: fragment('9') }), change);
    expect(edgesOf(body)).toEqual([`${id(1)} RELATED_TO ${id(9)} (parent)`]);
  });

  test('that an issue merely does not mention stays', () => {
    const silent = read(jira, issueEvent('updated', issue('1'))).messages.map(gist);
    expect(silent).toEqual([`UPDATE_ENTITY ${id(1)}`]);
  });
});
