/**
 * A page or blog post as Confluence Cloud's v2 API answers with it, and what it says.
 *
 * Text, title and author are as old as the version, or as the page where that came back from the trash
 * later. The place in the tree changes without a version, so the parent is as new as the reason for
 * which the page was read.
 */
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { ActorMessage } from '#actors';
import type { Connection } from './connection.ts';
import { confluenceId, localIdAt } from './entity-id.ts';
import { stringAt } from './json.ts';
import type { PageWanted } from './page-wanted.ts';
import { mention } from './person.ts';
import { linkReferences } from './reference.ts';
import { fill } from './relation.ts';
import { ranked, timeOf } from './stamp.ts';
import { Statements } from './statement.ts';
import { readStorage } from './storage-format.ts';
import { lineAt } from './text.ts';
import { urlOnSite } from './url.ts';

const orNull = <Schema extends Type.TSchema>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

const PageAnswer = Type.Object({
  id: Type.String({ minLength: 1 }),
  title: Type.String(),
  parentId: orNull(Type.String()),
  parentType: orNull(Type.String()),
  authorId: orNull(Type.String()),
  createdAt: Type.Optional(Type.String()),
  version: Type.Object({
    number: Type.Integer({ minimum: 1 }),
    createdAt: Type.Optional(Type.String()),
  }),
  body: Type.Optional(
    Type.Object({ storage: Type.Optional(Type.Object({ value: Type.String() })) }),
  ),
  _links: Type.Optional(Type.Object({ webui: Type.Optional(Type.String()) })),
});

export type PageAnswer = Static<typeof PageAnswer>;

const check = Compile(PageAnswer);

/** The answer, or null where it is of another shape. */
export function pageAnswerOf(value: unknown): PageAnswer | null {
  return check.Check(value) ? value : null;
}

/** What a read page says; the same answer for the same reason always gives the same messages. */
export function messagesOf(
  connection: Connection & { readonly site: string },
  wanted: PageWanted,
  page: PageAnswer,
  readAtMs: number,
): readonly ActorMessage[] {
  const { site } = connection;
  const { number, createdAt } = page.version;
  const writtenAtMs = timeOf(createdAt, readAtMs);
  const say = new Statements({
    connection,
    site,
    deliveryId: `confluence:${site}:${wanted.kind}-${wanted.localId}-version-${number}`,
    sentAt: new Date(writtenAtMs ?? readAtMs).toISOString(),
    receivedAtMs: readAtMs,
  });
  const stamp = say.stamp([Math.max(writtenAtMs ?? 0, wanted.bornMs)]);
  const id = confluenceId(site, wanted.kind, wanted.localId);
  const storage = page.body?.storage?.value;
  const document = storage === undefined ? undefined : readStorage(storage);
  say.update(
    {
      id,
      type: 'DOCUMENT',
      source: { id: wanted.localId, url: addressOf(say, page) },
      properties: {
        kind: wanted.kind,
        title: lineAt(page, 'title'),
        text: document?.text,
        version: number,
        textVersion: number,
        updatedAt: writtenAtMs === undefined ? undefined : new Date(writtenAtMs).toISOString(),
      },
    },
    stamp,
  );
  const author = mention(say, { accountId: page.authorId }, ranked(stamp, 'mention'));
  fill(say, id, 'author', author ?? undefined, stamp);
  if (wanted.kind === 'page') {
    const placedAt = say.stamp([Math.max(writtenAtMs ?? 0, wanted.sinceMs)]);
    fill(say, id, 'parent', parentOf(site, page), placedAt);
  }
  linkReferences(say, id, document?.references, stamp);
  return say.messages;
}

/** Null for a page at the top, or in a folder, which is nothing that is kept. */
function parentOf(site: string, page: PageAnswer): string | null {
  const localId = localIdAt(page, 'parentId');
  const isPage = (page.parentType ?? 'page') === 'page';
  return localId !== undefined && isPage ? confluenceId(site, 'page', localId) : null;
}

function addressOf(say: Statements, page: PageAnswer): string {
  const webui = stringAt(page, '_links', 'webui') ?? `/pages/${page.id}`;
  return urlOnSite(say, `https://${say.site}/wiki${webui}`);
}
