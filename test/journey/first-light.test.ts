import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNode } from '#test/process';
import { type Answered, ask, settled, temporaryFolder } from '#test/served';

const site = 'acme.atlassian.net';
const issueId = (id: string) => `jira:${site}:issue:${id}`;
const account = (id: string) => `atlassian:account:${id}`;

const person = (accountId: string, displayName: string) => ({
  self: `https://${site}/rest/api/2/user?accountId=${accountId}`,
  accountId,
  displayName,
  accountType: 'atlassian',
  active: true,
});

const project = {
  id: '10000',
  key: 'ACME',
  name: 'Acme',
  self: `https://${site}/rest/api/2/project/10000`,
};

/** A webhook as Jira Cloud sends it, with one link: the issue is blocked by another. */
function issueWebhook(webhookEvent: string, id: string, blockedBy?: string) {
  const at = '2026-11-24T10:00:00.000+0000';
  const type = { id: '1', name: 'Blocks', inward: 'is blocked by', outward: 'blocks' };
  const inwardIssue = {
    id: blockedBy,
    key: `ACME-${blockedBy}`,
    self: `https://${site}/rest/api/2/issue/${blockedBy}`,
    fields: { summary: `Issue ${blockedBy}` },
  };
  return {
    timestamp: Date.parse('2026-11-24T10:00:00.100Z'),
    webhookEvent,
    user: person('ann', 'Ann Example'),
    issue: {
      id,
      key: `ACME-${id}`,
      self: `https://${site}/rest/api/2/issue/${id}`,
      fields: {
        summary: `Issue ${id}`,
        description: 'The ferry leaves without its passengers.',
        created: at,
        updated: at,
        issuetype: { name: 'Bug' },
        status: { name: 'Open' },
        project,
        reporter: person('ann', 'Ann Example'),
        assignee: person('bob', 'Bob Example'),
        issuelinks: blockedBy === undefined ? [] : [{ id: '500', type, inwardIssue }],
      },
    },
  };
}

let dataDir: string;
beforeAll(async () => {
  dataDir = await temporaryFolder();
});
afterAll(() => rm(dataDir, { recursive: true }));

describe('first light', () => {
  it('shows a posted issue, its people, its project and its links, and still does after kill -9', async () => {
    const first = await startNode({ DATA_DIR: dataDir });
    const post = (body: unknown) => ask(first.url, '/webhooks/jira', { body });
    // The link comes before the issue at its other end is known.
    expect(await post(issueWebhook('jira:issue_created', '1', '2'))).toMatchObject({ status: 202 });
    expect(await post(issueWebhook('jira:issue_created', '2'))).toMatchObject({ status: 202 });
    await settled(first.url);
    const before = await whatIsKnown(first.url);
    expect(before).toEqual({
      issue: { type: 'ISSUE', key: 'ACME-1', title: 'Issue 1' },
      neighbours: [
        ['ASSIGNED_TO', 'out', account('bob'), 'Bob Example'],
        ['AUTHORED_BY', 'out', account('ann'), 'Ann Example'],
        ['DEPENDS_ON', 'out', issueId('2'), 'Issue 2'],
        ['RELATED_TO', 'out', `jira:${site}:project:10000`, 'Acme'],
      ],
      found: [issueId('1'), issueId('2')],
      direct: ['DEPENDS_ON'],
      overBob: ['ASSIGNED_TO'],
    });
    first.child.kill('SIGKILL');
    await first.ended;

    const second = await startNode({ DATA_DIR: dataDir });
    await settled(second.url);
    expect(await whatIsKnown(second.url)).toEqual(before);
    second.child.kill();
    expect(await second.ended).toMatchObject({ code: 0 });
  }, 120_000);
});

/** What a user would look at. */
async function whatIsKnown(url: string) {
  const entity = `/entities/${encodeURIComponent(issueId('1'))}`;
  const bodyOf = async (asked: Promise<Answered>) => (await asked).body;
  const { type, properties } = await bodyOf(ask(url, entity));
  const { items } = await bodyOf(ask(url, `${entity}/neighbours`));
  const found = await bodyOf(ask(url, '/search?q=ferry passengers'));
  const path = async (from: string, to: string) => {
    const { body } = await ask(url, `/paths?${new URLSearchParams({ from, to })}`);
    return body.path.edges.map((edge: { type: string }) => edge.type);
  };
  return {
    issue: { type, key: properties.key, title: properties.title },
    neighbours: items.map(
      // biome-ignore lint/suspicious/noExplicitAny: an answer's JSON
      ({ direction, relationship, entity: other }: any) => [
        relationship.type,
        direction,
        other.id,
        other.properties.title ?? other.properties.name,
      ],
    ),
    found: found.items.map((one: { entity: { id: string } }) => one.entity.id).sort(),
    direct: await path(issueId('1'), issueId('2')),
    overBob: await path(account('bob'), issueId('2')),
  };
}
