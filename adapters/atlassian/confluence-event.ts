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
import type { Statements } from './statement.ts';

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
  const isNamed = contents.map((content) => sayOne(say, { body, content, kind, verb }));
  if (!isNamed.includes(true)) {
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
  if (!sayOne(say, { body, content, kind, verb })) {
    throw new RuntimeError('WEBHOOK_INVALID', 'the content has no id');
  }
}

/** One content of a body, and what happened to it. */
interface Told {
  readonly body: JsonObject;
  readonly content: JsonObject;
  readonly kind: ContentKind;
  readonly verb: ContentVerb;
}

/** Answers whether the content could be named. */
function sayOne(say: Statements, told: Told): boolean {
  const { body, content, kind, verb } = told;
  const facts = contentFacts(say, content, kind);
  if (facts === null) return false;
  const stamp = stampOfTold(say, told);
  if (verb === 'trashed' || verb === 'removed') {
    say.remove(facts.id, stamp);
    return true;
  }
  const entity = { ...facts, properties: { ...facts.properties, ...propertiesOf(verb, stamp) } };
  if (verb === 'created' || verb === 'restored') say.create(entity, stamp);
  else say.update(entity, stamp);
  // Who made it is who acted, where a body says no more than that (Data Center).
  relateContent(say, facts, content, stamp, verb === 'created' ? actorOf(body) : undefined);
  if (kind === 'comment') relateComment(say, facts.id, told, stamp);
  if (kind === 'attachment') relateAttachment(say, facts.id, told, stamp);
  return true;
}

function stampOfTold(say: Statements, { body, content, verb }: Told): Stamp {
  switch (verb) {
    case 'created':
    case 'updated':
      return say.stamp([...timesOf(content), body.timestamp]);
    case 'moved':
    case 'archived':
      return say.stamp([body.timestamp]);
    case 'restored':
      return say.stamp([body.timestamp], 'restoration');
    case 'trashed':
      return say.stamp([body.timestamp], 'deletion');
    case 'removed':
      return say.stamp([body.timestamp], 'purge');
  }
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
  { body, content: comment }: Told,
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
  { body, content: attachment }: Told,
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
