/**
 * What a text mentions, as relationships: people by their account id, Confluence pages and posts by the
 * id in their URL (on whatever site, each has its own ids). Role `mentions`.
 *
 * Left out because no id can be known from it: issues (their URLs, smart links and Jira macros have
 * keys, and keys change hands), pages by title, people by name. A mention that is edited out of the
 * text stays linked: no source says what a text mentioned before.
 */
import { isAdf, readAdf } from './adf.ts';
import type { DocumentText, References } from './document-text.ts';
import { confluenceId } from './entity-id.ts';
import { at } from './json.ts';
import { mention } from './person.ts';
import { hostOf } from './site.ts';
import { ranked, type Stamp } from './stamp.ts';
import type { Statements } from './statement.ts';
import { readWiki } from './wiki-markup.ts';

/** A description or comment body: wiki markup or ADF. Null where it is empty, undefined where absent. */
export function documentAt(
  value: unknown,
  ...path: readonly string[]
): DocumentText | null | undefined {
  const found = at(value, ...path);
  if (found === null || found === '') return null;
  if (typeof found === 'string') return readWiki(found);
  return isAdf(found) ? readAdf(found) : undefined;
}

/** Says what the text of an entity mentions. */
export function linkReferences(
  say: Statements,
  owner: string,
  references: References | undefined,
  stamp: Stamp,
): void {
  if (references === undefined) return;
  const people = [...references.accountIds].map((accountId) =>
    mention(say, { accountId }, ranked(stamp, 'mention')),
  );
  const contents = [...references.urls].map((url) => {
    const found = contentInUrl(url);
    return found === null ? null : confluenceId(found.site, found.kind, found.localId);
  });
  for (const target of new Set([...people, ...contents])) {
    if (target === null || target === owner) continue;
    const link = { id: `${owner}/mentions/${target}`, from: owner, to: target };
    const properties = { role: 'mentions' };
    say.link({ ...link, type: 'RELATED_TO', properties, isFromText: true }, stamp);
  }
}

const pagePath = /\/pages\/(?:edit(?:-v2)?\/)?(\d{1,20})(?:\/|$)/;
const postPath = /\/blog\/\d{4}\/\d{1,2}\/\d{1,2}\/(\d{1,20})(?:\/|$)/;

export interface ContentAddress {
  readonly site: string;
  readonly kind: 'page' | 'blogpost';
  readonly localId: string;
}

/** The page or post that a URL leads to, read out of its path. */
export function contentInUrl(text: string): ContentAddress | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const site = hostOf(url.origin);
  if (site === undefined) return null;
  const post = postPath.exec(url.pathname)?.[1];
  if (post !== undefined) return { site, kind: 'blogpost', localId: post };
  const page = pagePath.exec(url.pathname)?.[1] ?? pageIdIn(url);
  return page === undefined ? null : { site, kind: 'page', localId: page };
}

function pageIdIn(url: URL): string | undefined {
  const id = url.pathname.endsWith('/viewpage.action') ? url.searchParams.get('pageId') : null;
  return id !== null && /^\d{1,20}$/.test(id) ? id : undefined;
}
