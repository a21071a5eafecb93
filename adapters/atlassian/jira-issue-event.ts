/**
 * `jira:issue_*`: an issue with all that its body says of other things: its links, sub-tasks, comments
 * and attachments.
 */
import { RuntimeError } from '#runtime';
import { changesIn } from './change.ts';
import { jiraId, localIdAt } from './entity-id.ts';
import { attach, detach } from './jira-attachment.ts';
import { commentOn } from './jira-comment.ts';
import { issueFacts, mentionIssue, relateIssue } from './jira-issue.ts';
import { linkIssue } from './jira-link.ts';
import { at, type JsonObject, listAt, objectAt } from './json.ts';
import { documentAt, linkReferences } from './reference.ts';
import { fill } from './relation.ts';
import { ranked, type Stamp } from './stamp.ts';
import type { Statements } from './statement.ts';

/** `jira:issue_created` and `jira:issue_updated`. */
export function sayIssue(say: Statements, body: JsonObject, verb: 'created' | 'updated'): void {
  const issue = issueOf(body);
  const fields = objectAt(issue, 'fields');
  if (fields === undefined) throw new RuntimeError('WEBHOOK_INVALID', 'issue.fields is missing');
  const stamp = say.stamp([at(fields, 'updated'), body.timestamp]);
  const id = jiraId(say.site, 'issue', issue.localId);
  const isWhole = say.instant(at(fields, 'updated')) !== undefined;
  const facts = issueFacts(say, issue, issue.localId, isWhole);
  if (verb === 'created') say.create(facts, stamp);
  else say.update(facts, stamp);
  // Nothing can have filled a slot before the issue was made; emptying it would only fill the log.
  relateIssue(say, id, fields, { stamp, empties: isWhole && verb === 'updated' });
  parentByChange(say, id, body, fields, stamp);
  linkReferences(say, id, documentAt(fields, 'description')?.references, stamp);
  for (const link of listAt(fields, 'issuelinks')) linkIssue(say, issue.localId, link, stamp);
  for (const child of listAt(fields, 'subtasks')) mentionChild(say, id, child, stamp);
  sayContents(say, body, issue);
  for (const { field, from, to } of changesIn(body)) {
    const removed =
      field === 'attachment' && to === undefined ? localIdAt({ from }, 'from') : undefined;
    if (removed !== undefined) detach(say, removed, ranked(stamp, 'deletion'));
  }
}

/** `jira:issue_deleted`: the issue, and what its body says was inside it. */
export function removeIssue(say: Statements, body: JsonObject): void {
  const issue = issueOf(body);
  const stamp = say.stamp([body.timestamp], 'deletion');
  say.remove(jiraId(say.site, 'issue', issue.localId), stamp);
  for (const comment of listAt(issue, 'fields', 'comment', 'comments')) {
    const id = localIdAt(comment, 'id');
    if (id !== undefined) say.remove(jiraId(say.site, 'comment', id), stamp);
  }
  for (const attachment of listAt(issue, 'fields', 'attachment')) {
    const id = localIdAt(attachment, 'id');
    if (id !== undefined) detach(say, id, stamp);
  }
}

/** The issue of a body, checked for what nothing can be done without. */
function issueOf(body: JsonObject): JsonObject & { readonly localId: string } {
  const issue = objectAt(body, 'issue');
  const localId = localIdAt(issue, 'id');
  if (localId === undefined) {
    throw new RuntimeError('WEBHOOK_INVALID', 'issue.id is missing or no id');
  }
  return { ...issue, localId };
}

/** Fields of a changelog whose values are the ids of a parent. */
const parentFields = new Map<string, 'epic' | undefined>([
  ['parent', undefined],
  ['issueparentassociation', undefined],
  ['epic link', 'epic'],
]);

/** An issue without a parent has no such field, and an epic is a field of a site's own: the change tells. */
function parentByChange(
  say: Statements,
  id: string,
  body: JsonObject,
  fields: JsonObject,
  stamp: Stamp,
): void {
  if (objectAt(fields, 'parent') !== undefined) return;
  const changes = changesIn(body).filter(({ field }) => parentFields.has(field));
  // An issue that gets another kind of parent loses the old one in an item of its own.
  const change = changes.find(({ to }) => to !== undefined) ?? changes[0];
  if (change === undefined) return;
  const parent = localIdAt(change, 'to');
  const target = parent === undefined ? null : jiraId(say.site, 'issue', parent);
  fill(say, id, 'parent', target, stamp, parentFields.get(change.field));
}

/** A parent lists its sub-tasks, each with the id that its own body has. */
function mentionChild(say: Statements, parent: string, child: unknown, stamp: Stamp): void {
  const id = mentionIssue(say, child, stamp);
  if (id !== null) fill(say, id, 'parent', parent, ranked(stamp, 'mention'), 'subtask');
}

function sayContents(say: Statements, body: JsonObject, issue: JsonObject): void {
  const comments = [...listAt(issue, 'fields', 'comment', 'comments'), at(body, 'comment')];
  for (const comment of comments) commentOn(say, issue, comment);
  for (const attachment of listAt(issue, 'fields', 'attachment')) attach(say, issue, attachment);
}
