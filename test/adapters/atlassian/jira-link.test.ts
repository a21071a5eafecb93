/** Links between issues, told by both ends and by themselves. */
import { describe, expect, test } from 'vitest';
import type { Connection, LinkTypeRules } from '#adapters/atlassian';
import { blocks, changelog, fragment, issue, issueEvent, linkEvent, linkType } from './bodies.ts';
import { gist, jira, linkIn, read, site } from './delivered.ts';
import { play } from './played.ts';

const id = (local: string | number) => `jira:${site}:issue:${local}`;
const invalid = expect.objectContaining({ code: 'WEBHOOK_INVALID' });
const edgesOf = (...bodies: object[]) =>
  play(bodies.flatMap((body) => read(jira, body).messages)).edges;

describe('an issue link', () => {
  const relationship = `jira:${site}:issuelink:500`;
  const seen = (from: string, entry: object) =>
    linkIn(
      read(jira, issueEvent('updated', issue(from, { issuelinks: [{ id: '500', ...entry }] }))),
      relationship,
    ).payload;

  test('is the same from both its issues and its own event: the blocked depends on the blocking', () => {
    const told = [
      linkIn(read(jira, linkEvent('created', {})), relationship).payload,
      seen('1', { type: blocks, outwardIssue: fragment('2') }),
      seen('2', { type: blocks, inwardIssue: fragment('1') }),
    ];
    for (const payload of told) {
      expect(payload).toMatchObject({
        relationshipType: 'DEPENDS_ON',
        sourceEntityId: id(2),
        targetEntityId: id(1),
        properties: { role: 'link', subtype: 'Blocks' },
      });
    }
  });

  test.each([
    ['Relates', 'relates to', 'relates to', 'RELATED_TO', true],
    ['Verwandt', 'hat mit zu tun', 'hat mit zu tun', 'RELATED_TO', false],
  ])(
    'of a type without direction (%s) has its ends in one order',
    (name, outward, inward, type) => {
      const verbs = linkType(name, outward, inward);
      const one = seen('10', { type: verbs, outwardIssue: fragment('9') });
      const other = seen('9', { type: verbs, outwardIssue: fragment('10') });
      expect(one).toMatchObject({ relationshipType: type, sourceEntityId: id(9) });
      expect(other).toMatchObject({ sourceEntityId: id(9), targetEntityId: id(10) });
    },
  );

  test.each([
    ['Duplicate', 'duplicates', 'is duplicated by', 'RELATED_TO', 1, true],
    ['Cloners', 'clones', 'is cloned by', 'RELATED_TO', 1, true],
    ['Problem/Incident', 'causes', 'is caused by', 'RELATED_TO', 1, true],
    ['Blocks', 'blockiert', 'wird blockiert von', 'DEPENDS_ON', 2, true],
    ['Gate', 'blocks', 'is blocked by', 'DEPENDS_ON', 2, true],
    ['Dependency', 'depends on', 'is depended on by', 'DEPENDS_ON', 1, true],
    ['Dependency', 'is depended on by', 'depends on', 'DEPENDS_ON', 2, true],
    ['Roadblocks', 'roadblocks', 'is roadblocked by', 'RELATED_TO', 1, false],
    ['Future', 'depends on the weather of', 'x', 'RELATED_TO', 1, false],
  ])('%s (%s, %s) is %s from issue %d', (name, outward, inward, type, from, isKnown) => {
    const verbs = linkType(name, outward, inward);
    const body = issueEvent(
      'updated',
      issue('1', {
        issuelinks: [{ id: '500', type: { ...verbs, id: '777' }, outwardIssue: fragment('2') }],
      }),
    );
    const found = read(jira, body);
    expect(linkIn(found, relationship).payload).toMatchObject({
      relationshipType: type,
      sourceEntityId: id(from),
      properties: { subtype: name },
    });
    expect(found.unknownLinkTypes).toEqual(isKnown ? [] : [name]);
  });

  test.each<[string, LinkTypeRules]>([
    ['id', { '10000': { relationship: 'DEPENDS_ON', dependent: 'source', subtype: 'needs' } }],
    ['name', { Blocks: { relationship: 'DEPENDS_ON', dependent: 'source', subtype: 'needs' } }],
  ])("follows the connection's own table by %s", (_, linkTypes) => {
    const connection: Connection = { ...jira, linkTypes };
    const found = read(connection, linkEvent('created', {}));
    expect(linkIn(found, relationship).payload).toMatchObject({
      relationshipType: 'DEPENDS_ON',
      sourceEntityId: id(1),
      targetEntityId: id(2),
      properties: { subtype: 'needs' },
    });
  });

  test('is removed by its id, also when that comes before the link', () => {
    const [created, deleted] = ['created', 'deleted'].map((verb) => linkEvent(verb, {}));
    const issues = ['1', '2'].map((each) => issueEvent('created', issue(each)));
    expect(edgesOf(...issues, created!)).toHaveLength(1);
    expect(edgesOf(...issues, created!, deleted!)).toEqual([]);
    expect(edgesOf(deleted!, created!, ...issues)).toEqual([]);
  });

  test('that is missing from a list stays: only its own event removes it', () => {
    const change = changelog({
      field: 'Link',
      from: 'KEY-2',
      fromString: 'blocks KEY-2',
      to: null,
    });
    const silent = read(jira, issueEvent('updated', issue('1', { issuelinks: [] }), change));
    expect(silent.messages.map(gist)).toEqual([`UPDATE_ENTITY ${id(1)}`]);
  });

  test('made by Jira between epic and story is parent and child, and goes by its id', () => {
    const epic = {
      systemLink: true,
      issueLinkType: {
        id: 10200,
        name: 'Epic-Story Link',
        outwardName: 'is Epic of',
        inwardName: 'has Epic',
      },
    };
    const issues = ['1', '2', '3'].map((each) => issueEvent('created', issue(each)));
    const first = { ...epic, id: 600, sourceIssueId: 1, destinationIssueId: 2 };
    const second = { ...epic, id: 601, sourceIssueId: 3, destinationIssueId: 2 };
    // The removal of the old epic comes after the new one was set.
    const bodies = [
      linkEvent('created', first),
      linkEvent('created', second),
      linkEvent('deleted', first),
    ];
    expect(edgesOf(...issues, ...bodies)).toEqual([
      `${id(2)} RELATED_TO ${id(3)} (parent Epic-Story Link)`,
    ]);
  });

  test('made by Jira between task and sub-task is left to the sub-task', () => {
    const type = { id: 1, name: 'jira_subtask_link', isSubTaskLinkType: true };
    expect(
      read(jira, linkEvent('created', { systemLink: true, issueLinkType: type })).ignored,
    ).toBe(true);
  });

  test.each([[{ id: undefined }], [{ sourceIssueId: null }], [{ destinationIssueId: {} }]])(
    'with %j is refused',
    (more) => {
      expect(() => read(jira, linkEvent('created', more))).toThrow(invalid);
    },
  );
});
