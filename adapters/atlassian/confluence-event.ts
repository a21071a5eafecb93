/**
 * What happened to a content: `page_*`, `blog_*`, `comment_*`, `attachment_*` and the general `content_*`.
 *
 *     created                        CREATE at the content's own time
 *     updated                        UPDATE at the content's own time
 *     moved, archived                UPDATE at the time of the event; the content's own does not change
 *     restored                       CREATE at the time of the event, above a deletion of that time
 *     trashed · removed              DELETE at the time of the event; removed (purged) is above all
 */
import { RuntimeError } from '#runtime';
import {
  contentAddressOf,
  contentFacts,
  contentLocalId,
  kindOf,
  mentionContent,
  relateContent,
  timesOf,
} from './confluence-content.ts';
import { type ContentKind, confluenceId } from './entity-id.ts';
import { at, type JsonObject, listAt, objectAt, stringAt } from './json.ts';
import { fill } from './relation.ts';
import type { Stamp } from './stamp.ts';
import type { EntityFacts, Statements } from './statement.ts';

export type ContentVerb =
  | 'created'
  | 'updated'
  | 'moved'
  | 'archived'
  | 'restored'
  | 'trashed'
  | 'removed';

const names: Readonly<Record<ContentKind, readonly string[]>> = {
  page: ['page', 'content'],
  blogpost: ['blog', 'blogpost', 'content'],
  comment: ['comment', 'content'],
  attachment: ['attachment', 'content'],
};

/** An event of one kind of content. Attachments may come several to a body. */
export function sayContent(
  say: Statements,
  body: JsonObject,
  kind: ContentKind,
  verb: ContentVerb,
): void {
  const single = names[kind]
    .map((name) => objectAt(body, name))
    .find((found) => found !== undefined);
  const several =
    kind === 'attachment' ? listAt(body, 'attachments').map((each) => objectAt(each)) : [];
  const contents = [single, ...several].filter((content) => content !== undefined);
  const ids = contents.map((content) => sayOne(say, body, content, kind, verb));
  if (!ids.some((id) => id !== null)) {
    throw new RuntimeError('WEBHOOK_INVALID', `${names[kind][0]}.id is missing or no id`);
  }
}

/**
 * A `content_*` event. Most of them are about content properties, the storage of apps: nothing that is
 * kept. The others have the content itself as their body.
 */
export function sayAnyContent(say: Statements, body: JsonObject, verb: ContentVerb): void {
  const content = objectAt(body, 'content') ?? body;
  if (stringAt(content, 'type') === undefined && stringAt(content, 'contentType') === undefined) {
    throw new RuntimeError('WEBHOOK_INVALID', 'the content names no type');
  }
  const kind = kindOf(content);
  if (kind === undefined) return;
  if (sayOne(say, body, content, kind, verb) === null) {
    throw new RuntimeError('WEBHOOK_INVALID', 'the content has no id');
  }
}

function sayOne(
  say: Statements,
  body: JsonObject,
  content: JsonObject,
  kind: ContentKind,
  verb: ContentVerb,
): string | null {
  const facts = contentFacts(say, content, kind);
  if (facts === null) return null;
  switch (verb) {
    case 'trashed':
    case 'removed': {
      say.remove(facts.id, say.stamp([body.timestamp], verb === 'removed' ? 'purge' : 'deletion'));
      return facts.id;
    }
    case 'created':
    case 'updated':
      return upsert(
        say,
        body,
        content,
        facts,
        kind,
        verb,
        say.stamp([...timesOf(content), body.timestamp]),
      );
    case 'moved':
    case 'archived':
      return upsert(say, body, content, facts, kind, verb, say.stamp([body.timestamp]));
    case 'restored':
      return upsert(
        say,
        body,
        content,
        facts,
        kind,
        verb,
        say.stamp([body.timestamp], 'restoration'),
      );
  }
}

function upsert(
  say: Statements,
  body: JsonObject,
  content: JsonObject,
  facts: EntityFacts,
  kind: ContentKind,
  verb: ContentVerb,
  stamp: Stamp,
): string {
  const entity = { ...facts, properties: { ...facts.properties, ...propertiesOf(verb, stamp) } };
  if (verb === 'created' || verb === 'restored') say.create(entity, stamp);
  else say.update(entity, stamp);
  // Who made it is who acted, where a body says no more than that (Data Center).
  const actor = verb === 'created' ? actorOf(body) : undefined;
  relateContent(say, facts, content, stamp, actor);
  if (kind === 'comment') relateComment(say, facts.id, content, body, stamp);
  if (kind === 'attachment') relateAttachment(say, facts.id, content, body, stamp);
  return facts.id;
}

function propertiesOf(verb: ContentVerb, stamp: Stamp): Record<string, unknown> {
  switch (verb) {
    case 'archived':
      return { isArchived: true };
    case 'moved':
      // Leaving the archive is a move, too. The time makes the page reader look for the new parent.
      return { isArchived: false, movedAt: stamp.at };
    case 'restored':
      return { isArchived: false };
    default:
      return {};
  }
}

function actorOf(body: JsonObject): unknown {
  const accountId = stringAt(body, 'userAccountId');
  if (accountId !== undefined) return { accountId, accountType: body.accountType };
  const userKey = stringAt(body, 'userKey');
  return userKey === undefined ? at(body, 'user') : { userKey };
}

/**
 * A comment's `parent` is the page, or in an answer the comment that is answered; the page is then
 * further up, beside the comment, or only in its address.
 */
function relateComment(
  say: Statements,
  id: string,
  comment: JsonObject,
  body: JsonObject,
  stamp: Stamp,
): void {
  const parent = objectAt(comment, 'parent') ?? objectAt(comment, 'container');
  let page = parent;
  while (page !== undefined && kindOf(page) === 'comment') page = objectAt(page, 'parent');
  page ??= objectAt(body, 'page') ?? objectAt(body, 'blog');
  const address = contentAddressOf(comment);
  const container =
    mentionContent(say, page, stamp) ??
    (address === null ? undefined : confluenceId(say.site, address.kind, address.localId));
  fill(say, id, 'container', container, stamp);
  const answered = kindOf(parent) === 'comment' ? contentLocalId(parent) : undefined;
  if (answered === undefined) return;
  mentionContent(say, parent, stamp);
  fill(say, id, 'answers', confluenceId(say.site, 'comment', answered), stamp);
}

function relateAttachment(
  say: Statements,
  id: string,
  attachment: JsonObject,
  body: JsonObject,
  stamp: Stamp,
): void {
  const places: readonly unknown[] = [
    attachment.parent,
    attachment.container,
    attachment.attachedTo,
    body.attachedTo,
    body.page,
    body.blog,
    body.comment,
  ];
  const container = places.find((place) => contentLocalId(place) !== undefined);
  fill(say, id, 'container', mentionContent(say, container, stamp) ?? undefined, stamp);
}
