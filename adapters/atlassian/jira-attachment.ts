/** Attachments of issues: the object of `attachment_*`, and those that an issue's body lists. */
import { RuntimeError } from '#runtime';
import { jiraId, localIdAt } from './entity-id.ts';
import { mentionIssue } from './jira-issue.ts';
import { at, type JsonObject, numberAt, objectAt, stringAt } from './json.ts';
import { mention } from './person.ts';
import { fill } from './relation.ts';
import { ranked, type Stamp } from './stamp.ts';
import type { EntityFacts, Statements } from './statement.ts';
import { lineAt } from './text.ts';
import { urlOnSite } from './url.ts';

export function sayAttachment(
  say: Statements,
  body: JsonObject,
  verb: 'created' | 'deleted',
): void {
  const attachment = objectAt(body, 'attachment');
  const facts = factsOf(say, attachment);
  if (facts === null) {
    throw new RuntimeError('WEBHOOK_INVALID', 'attachment.id is missing or no id');
  }
  if (verb === 'deleted') {
    say.remove(facts.id, say.stamp([body.timestamp], 'deletion'));
    return;
  }
  const stamp = say.stamp([at(attachment, 'created'), body.timestamp]);
  say.create(facts, stamp);
  relate(say, facts.id, attachment, mentionIssue(say, body.issue, stamp), stamp);
}

/** An attachment in its issue's body. It never changes, so its time of creation is its stamp. */
export function attach(say: Statements, issue: JsonObject, attachment: unknown): void {
  const facts = factsOf(say, attachment);
  if (facts === null) return;
  const stamp = say.stamp([at(attachment, 'created')]);
  say.update(facts, stamp);
  const localId = localIdAt(issue, 'id');
  const container = localId === undefined ? null : jiraId(say.site, 'issue', localId);
  relate(say, facts.id, attachment, container, stamp);
}

export function detach(say: Statements, localId: string, stamp: Stamp): void {
  say.remove(jiraId(say.site, 'attachment', localId), stamp);
}

function factsOf(say: Statements, attachment: unknown): EntityFacts | null {
  const localId = localIdAt(attachment, 'id');
  if (localId === undefined) return null;
  return {
    id: jiraId(say.site, 'attachment', localId),
    type: 'DOCUMENT',
    source: { id: localId, url: urlOnSite(say, stringAt(attachment, 'content')) },
    importance: 'MINOR',
    properties: {
      kind: 'attachment',
      title: lineAt(attachment, 'filename'),
      mediaType: lineAt(attachment, 'mimeType'),
      sizeBytes: numberAt(attachment, 'size'),
    },
  };
}

function relate(
  say: Statements,
  id: string,
  attachment: unknown,
  container: string | null,
  stamp: Stamp,
): void {
  const author = mention(say, at(attachment, 'author'), ranked(stamp, 'mention'));
  fill(say, id, 'author', author ?? undefined, stamp);
  fill(say, id, 'container', container ?? undefined, stamp);
}
