/**
 * Which event a delivery is about.
 *
 * Jira's bodies name it (`webhookEvent`), and so do those of Confluence Data Center (`event`) and of some
 * senders between (`eventType`). Confluence Cloud's name none, so its webhooks are registered one URL for
 * each event and the URL says it: `/webhooks/<id>/page_updated` or `?event=page_updated`. What the body
 * says goes before what the URL says.
 *
 * Where nothing names it, the shape of the body is read with care: an object that was sent has this state
 * now, so it is an update; never that something was created, restored or removed. A bare
 * `{ accountId, username }`, as `user_deleted` has been seen, is therefore not enough.
 */
import { RuntimeError } from '#runtime';
import type { Connection } from './connection.ts';
import { type JsonObject, objectAt, stringAt } from './json.ts';
import type { Query } from './signature.ts';

const namePattern = /^[A-Za-z][A-Za-z0-9:_.-]{0,63}$/;

export interface Naming {
  readonly query: Query;
  readonly eventFromPath?: string | undefined;
}

/** The event's name. Throws WEBHOOK_INVALID where there is none, or none that can be one. */
export function eventOf(connection: Connection, body: JsonObject, naming: Naming): string {
  const queried = naming.query.event;
  const name =
    stringAt(body, 'webhookEvent') ??
    stringAt(body, 'event') ??
    stringAt(body, 'eventType') ??
    naming.eventFromPath ??
    (typeof queried === 'string' ? queried : undefined) ??
    eventOfShape(connection, body);
  if (name === undefined) {
    throw new RuntimeError(
      'WEBHOOK_INVALID',
      'neither body nor URL names the event; register the webhook with ?event=<name> in its URL',
    );
  }
  if (!namePattern.test(name)) throw new RuntimeError('WEBHOOK_INVALID', 'the event has no name');
  return name;
}

const jiraShapes = [['issue', 'jira:issue_updated']] as const;

/** A comment's body has its page beside it, a label's too: the order counts. */
const confluenceShapes = [
  ['label', 'label_updated'],
  ['comment', 'comment_updated'],
  ['attachment', 'attachment_updated'],
  ['attachedTo', 'attachment_updated'],
  ['blog', 'blog_updated'],
  ['blogpost', 'blog_updated'],
  ['page', 'page_updated'],
  ['space', 'space_updated'],
] as const;

function eventOfShape({ system }: Connection, body: JsonObject): string | undefined {
  // The body of `content_*` is the content itself, with its space in it.
  if (system === 'confluence' && objectAt(body, 'history') !== undefined) return 'content_updated';
  const shapes = system === 'jira' ? jiraShapes : confluenceShapes;
  return shapes.find(([field]) => objectAt(body, field) !== undefined)?.[1];
}
