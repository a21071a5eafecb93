/**
 * Confluence's events: which are used, and by whom. Views, permissions, labels, logos, groups, relations
 * and the order of children change nothing that is kept.
 */
import { type ContentVerb, sayAnyContent, sayContent } from './confluence-event.ts';
import { saySpace } from './confluence-space.ts';
import { sayConfluenceUser, type UserVerb } from './confluence-user.ts';
import type { ContentKind } from './entity-id.ts';
import type { Extractor } from './jira.ts';

const contentVerbs: readonly ContentVerb[] = [
  'created',
  'updated',
  'moved',
  'archived',
  'restored',
  'trashed',
  'removed',
];

const contentNames: readonly (readonly [string, ContentKind])[] = [
  ['page', 'page'],
  ['blog', 'blogpost'],
  ['comment', 'comment'],
  ['attachment', 'attachment'],
];

const userVerbs: Readonly<Record<string, UserVerb>> = {
  user_created: 'created',
  user_updated: 'updated',
  user_deactivated: 'deactivated',
  user_reactivated: 'reactivated',
  user_removed: 'removed',
  user_deleted: 'removed',
};

export const confluenceEvents: ReadonlyMap<string, Extractor> = new Map<string, Extractor>([
  ...contentVerbs.flatMap((verb) => [
    ...contentNames.map(([name, kind]): [string, Extractor] => [
      `${name}_${verb}`,
      (say, body) => sayContent(say, body, kind, verb),
    ]),
    [`content_${verb}`, (say, body) => sayAnyContent(say, body, verb)] as [string, Extractor],
  ]),
  ['space_created', (say, body) => saySpace(say, body, 'created')],
  ['space_updated', (say, body) => saySpace(say, body, 'updated')],
  ['space_removed', (say, body) => saySpace(say, body, 'removed')],
  ...Object.entries(userVerbs).map(([name, verb]): [string, Extractor] => [
    name,
    (say, body) => sayConfluenceUser(say, body, verb),
  ]),
]);
