/** Bodies in the documented formats, made for tests. Each test states only what matters to it. */
import { site } from './delivered.ts';

export const sentAt = Date.parse('2026-11-20T10:00:00.500Z');
export const updated = '2026-11-20T11:00:00.400+0100';

export const person = (accountId: string, more: object = {}) => ({
  self: `https://${site}/rest/api/2/user?accountId=${accountId}`,
  accountId,
  displayName: `Person ${accountId}`,
  active: true,
  accountType: 'atlassian',
  ...more,
});

export const project = (id: string, key: string) => ({
  self: `https://${site}/rest/api/2/project/${id}`,
  id,
  key,
  name: `Project ${key}`,
});

/** A whole issue, without anybody and anything around it. */
export const issue = (id: string, fields: object = {}, more: object = {}) => ({
  id,
  self: `https://${site}/rest/api/2/issue/${id}`,
  key: `KEY-${id}`,
  fields: {
    summary: `Issue ${id}`,
    issuetype: { id: '1', name: 'Task', subtask: false },
    created: '2026-11-01T09:00:00.000+0100',
    updated,
    ...fields,
  },
  ...more,
});

export const issueEvent = (verb: string, theIssue: object, more: object = {}) => ({
  timestamp: sentAt,
  webhookEvent: `jira:issue_${verb}`,
  issue: theIssue,
  ...more,
});

export const changelog = (...items: object[]) => ({ changelog: { id: '1', items } });

/** Another issue inside a body. */
export const fragment = (id: string) => ({
  id,
  key: `KEY-${id}`,
  self: `https://${site}/rest/api/2/issue/${id}`,
  fields: { summary: `Issue ${id}`, status: { name: 'To Do' } },
});

export const linkType = (name: string, outward: string, inward: string) => ({
  id: '10000',
  name,
  outward,
  inward,
});

export const blocks = linkType('Blocks', 'blocks', 'is blocked by');

export const linkEvent = (verb: string, link: object) => ({
  timestamp: sentAt,
  webhookEvent: `issuelink_${verb}`,
  issueLink: {
    id: 500,
    sourceIssueId: 1,
    destinationIssueId: 2,
    issueLinkType: {
      id: 10000,
      name: 'Blocks',
      outwardName: 'blocks',
      inwardName: 'is blocked by',
    },
    systemLink: false,
    ...link,
  },
});

/** A page as Confluence Cloud's webhooks have it. */
export const page = (id: number | string, more: object = {}) => ({
  id,
  idAsString: String(id),
  title: `Page ${id}`,
  spaceKey: 'ENG',
  creatorAccountId: 'ann',
  creationDate: Date.parse('2026-11-01T08:00:00.000Z'),
  modificationDate: Date.parse('2026-11-20T10:00:00.400Z'),
  contentType: 'page',
  version: 3,
  self: `https://${site}/wiki/spaces/ENG/pages/${id}/Page`,
  ...more,
});

export const pageEvent = (content: object, more: object = {}) => ({
  userAccountId: 'ann',
  accountType: 'customer',
  timestamp: sentAt,
  page: content,
  ...more,
});
