/**
 * Pages, blog posts, comments and attachments of Confluence, in the shapes in which bodies have them.
 *
 * Cloud webhooks: flat (`id`, `title`, `spaceKey`, `creatorAccountId`, `version`, `self`), without text and
 * without the parent of a page; see page-reader.ts. Data Center webhooks: the id and nothing else.
 * `content_*` events: the shape of the v1 REST API (`space.key`, `history.createdBy`, `version.number`).
 * The id of each has its kind in it, so every event of a content lands on one entity.
 */
import { mentionSpace } from './confluence-space.ts';
import { type ContentKind, confluenceId, localIdAt } from './entity-id.ts';
import { at, type JsonObject, numberAt, objectAt, stringAt } from './json.ts';
import { mention } from './person.ts';
import { type ContentAddress, contentInUrl } from './reference.ts';
import { fill } from './relation.ts';
import { ranked, type Stamp } from './stamp.ts';
import type { EntityFacts, Statements } from './statement.ts';
import { lineAt } from './text.ts';
import { urlOnSite } from './url.ts';

const kinds = new Map<string, ContentKind>([
  ['page', 'page'],
  ['blog', 'blogpost'],
  ['blogpost', 'blogpost'],
  ['comment', 'comment'],
  ['attachment', 'attachment'],
]);

/** The kind that a body gives a content; undefined for databases, whiteboards and other kinds. */
export function kindOf(content: unknown): ContentKind | undefined {
  return kinds.get(stringAt(content, 'contentType') ?? stringAt(content, 'type') ?? '');
}

/** What a body says of a content; null where it has no id. */
export function contentFacts(
  say: Statements,
  content: JsonObject,
  kind: ContentKind,
): EntityFacts | null {
  const localId = contentLocalId(content);
  if (localId === undefined) return null;
  const isSmall = kind === 'comment' || kind === 'attachment';
  return {
    id: confluenceId(say.site, kind, localId),
    type: 'DOCUMENT',
    source: { id: localId, url: urlOnSite(say, addressOf(content)) },
    importance: isSmall ? 'MINOR' : 'NORMAL',
    properties: {
      kind,
      title: lineAt(content, 'title') ?? lineAt(content, 'fileName'),
      version: versionOf(content),
      mediaType: lineAt(content, 'mediaType'),
      sizeBytes: numberAt(content, 'fileSize'),
      createdAt: say.instant(at(content, 'creationDate'), at(content, 'history', 'createdDate')),
      updatedAt: say.instant(...timesOf(content)),
    },
  };
}

/** When the source had this version of a content. */
export function timesOf(content: JsonObject): readonly unknown[] {
  return [at(content, 'modificationDate'), at(content, 'version', 'when')];
}

/** The slots of a content: its author, and its space where it stands in one by itself. */
export function relateContent(
  say: Statements,
  { id, properties }: EntityFacts,
  content: JsonObject,
  stamp: Stamp,
  actor?: unknown,
): void {
  const seen = ranked(stamp, 'mention');
  const author = mention(say, creatorOf(content) ?? actor, seen);
  fill(say, id, 'author', author ?? undefined, stamp);
  if (properties.kind !== 'page' && properties.kind !== 'blogpost') return;
  fill(say, id, 'container', mentionSpace(say, content, seen) ?? undefined, stamp);
}

/** A content seen beside another; answers its entity id, null where it is of no kind that is kept. */
export function mentionContent(say: Statements, content: unknown, stamp: Stamp): string | null {
  const object = objectAt(content);
  if (object === undefined) return null;
  const isNamed = stringAt(object, 'contentType') ?? stringAt(object, 'type');
  const kind = isNamed === undefined ? (contentAddressOf(object)?.kind ?? 'page') : kindOf(object);
  const facts = kind === undefined ? null : contentFacts(say, object, kind);
  if (facts === null) return null;
  const { title, version } = facts.properties;
  say.mention(facts, stamp, title === undefined && version === undefined);
  relateContent(say, facts, object, ranked(stamp, 'mention'));
  return facts.id;
}

/** The page or post that a content's own address leads to; of a comment, the one that it stands on. */
export function contentAddressOf(content: JsonObject): ContentAddress | null {
  return contentInUrl(addressOf(content) ?? '');
}

/** A number in one year's bodies, a string in another's; REST writes `att` before an attachment's. */
export function contentLocalId(content: unknown): string | undefined {
  const id = localIdAt(content, 'idAsString') ?? localIdAt(content, 'id');
  return id?.replace(/^att(?=\d+$)/, '');
}

/** Where a person can open it; v1 gives it in two parts. */
function addressOf(content: JsonObject): string | undefined {
  const base = stringAt(content, '_links', 'base');
  const webui = stringAt(content, '_links', 'webui');
  return base !== undefined && webui !== undefined ? base + webui : stringAt(content, 'self');
}

function versionOf(content: JsonObject): number | undefined {
  const version = numberAt(content, 'version') ?? numberAt(content, 'version', 'number');
  return version !== undefined && Number.isSafeInteger(version) && version > 0
    ? version
    : undefined;
}

function creatorOf(content: JsonObject): unknown {
  const accountId = stringAt(content, 'creatorAccountId');
  if (accountId !== undefined) return { accountId };
  const userKey = stringAt(content, 'creatorUserKey');
  return userKey === undefined ? at(content, 'history', 'createdBy') : { userKey };
}
