/**
 * Jira's events: which are used, and by whom. Any other event of the documentation (sprints, boards,
 * worklogs, versions, filters, options) changes nothing that is kept and says nothing here.
 */
import { sayAttachment } from './jira-attachment.ts';
import { sayComment } from './jira-comment.ts';
import { removeIssue, sayIssue } from './jira-issue-event.ts';
import { sayLink } from './jira-link.ts';
import { sayProject } from './jira-project.ts';
import { sayUser } from './jira-user.ts';
import type { JsonObject } from './json.ts';
import type { Statements } from './statement.ts';

export type Extractor = (say: Statements, body: JsonObject) => void;

export const jiraEvents: ReadonlyMap<string, Extractor> = new Map<string, Extractor>([
  ['jira:issue_created', (say, body) => sayIssue(say, body, 'created')],
  ['jira:issue_updated', (say, body) => sayIssue(say, body, 'updated')],
  ['jira:issue_deleted', (say, body) => removeIssue(say, body)],
  ['comment_created', (say, body) => sayComment(say, body, 'created')],
  ['comment_updated', (say, body) => sayComment(say, body, 'updated')],
  ['comment_deleted', (say, body) => sayComment(say, body, 'deleted')],
  ['attachment_created', (say, body) => sayAttachment(say, body, 'created')],
  ['attachment_deleted', (say, body) => sayAttachment(say, body, 'deleted')],
  ['issuelink_created', (say, body) => sayLink(say, body, 'created')],
  ['issuelink_deleted', (say, body) => sayLink(say, body, 'deleted')],
  ['project_created', (say, body) => sayProject(say, body, 'created')],
  ['project_updated', (say, body) => sayProject(say, body, 'updated')],
  ['project_deleted', (say, body) => sayProject(say, body, 'deleted')],
  ['project_soft_deleted', (say, body) => sayProject(say, body, 'soft_deleted')],
  ['project_restored_deleted', (say, body) => sayProject(say, body, 'restored_deleted')],
  ['project_archived', (say, body) => sayProject(say, body, 'archived')],
  ['project_restored_archived', (say, body) => sayProject(say, body, 'restored_archived')],
  ['user_created', (say, body) => sayUser(say, body, 'created')],
  ['user_updated', (say, body) => sayUser(say, body, 'updated')],
  ['user_deleted', (say, body) => sayUser(say, body, 'deleted')],
]);
