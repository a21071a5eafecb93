/**
 * Comments: the object of `comment_*`, and those that stand in bodies of their issue. Some bodies name the
 * issue only in the comment's own address.
 */
import { RuntimeError } from '#runtime';
import { jiraId, localIdAt } from './entity-id.ts';
import { mentionIssue } from './jira-issue.ts';
import { at, type JsonObject, objectAt, stringAt } from './json.ts';
import { mention } from './person.ts';
import { documentAt, linkReferences } from './reference.ts';
import { fill } from './relation.ts';
import { ranked, type Stamp } from './stamp.ts';
import type { EntityFacts, Statements } from './statement.ts';
import { browseUrl } from './url.ts';

export function sayComment(
  say: Statements,
  body: JsonObject,
  verb: 'created' | 'updated' | 'deleted',
): void {
  const comment = objectAt(body, 'comment');
  const issue = objectAt(body, 'issue') ?? issueInAddress(comment);
  const facts = factsOf(say, comment, issue);
  if (facts === null) throw new RuntimeError('WEBHOOK_INVALID', 'comment.id is missing or no id');
  if (verb === 'deleted') {
    say.remove(facts.id, say.stamp([body.timestamp], 'deletion'));
    return;
  }
  const stamp = stampOfComment(say, comment, body.timestamp);
  if (verb === 'created') say.create(facts, stamp);
  else say.update(facts, stamp);
  relate(say, facts.id, comment, mentionIssue(say, issue, stamp), stamp);
}

/** A comment inside its issue's body. */
export function commentOn(say: Statements, issue: JsonObject, comment: unknown): void {
  const facts = factsOf(say, comment, issue);
  if (facts === null) return;
  const stamp = stampOfComment(say, comment);
  say.update(facts, stamp);
  const localId = localIdAt(issue, 'id');
  const container = localId === undefined ? null : jiraId(say.site, 'issue', localId);
  relate(say, facts.id, comment, container, stamp);
}

function stampOfComment(say: Statements, comment: unknown, sentAt?: unknown): Stamp {
  return say.stamp([at(comment, 'updated'), sentAt, at(comment, 'created')]);
}

function factsOf(say: Statements, comment: unknown, issue: unknown): EntityFacts | null {
  const localId = localIdAt(comment, 'id');
  if (localId === undefined) return null;
  return {
    id: jiraId(say.site, 'comment', localId),
    type: 'DOCUMENT',
    source: {
      id: localId,
      url: browseUrl(
        say,
        objectAt(issue) ?? {},
        `?focusedCommentId=${encodeURIComponent(localId)}`,
      ),
    },
    importance: 'MINOR',
    properties: {
      kind: 'comment',
      text: documentAt(comment, 'body')?.text,
      createdAt: say.instant(at(comment, 'created')),
      updatedAt: say.instant(at(comment, 'updated')),
    },
  };
}

function relate(
  say: Statements,
  id: string,
  comment: unknown,
  container: string | null,
  stamp: Stamp,
): void {
  const author = mention(say, at(comment, 'author'), ranked(stamp, 'mention'));
  fill(say, id, 'author', author ?? undefined, stamp);
  fill(say, id, 'container', container ?? undefined, stamp);
  linkReferences(say, id, documentAt(comment, 'body')?.references, stamp);
}

/** `…/rest/api/2/issue/26313/comment/31039` */
function issueInAddress(comment: unknown): JsonObject | undefined {
  const id = /\/issue\/(\d{1,20})\/comment\//.exec(stringAt(comment, 'self') ?? '')?.[1];
  return id === undefined ? undefined : { id };
}
