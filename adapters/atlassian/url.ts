/**
 * Addresses that a person can open, made from the resource addresses (`self`) in a body.
 *
 * Only ever on the connection's own site: a body cannot make us show a link to somewhere else.
 */
import { type JsonObject, stringAt } from './json.ts';
import { hostOf } from './site.ts';
import type { Statements } from './statement.ts';
import { lineAt } from './text.ts';

/** `https://acme.atlassian.net/browse/OPS-1`; empty where the key is not known. */
export function browseUrl(say: Statements, issue: JsonObject, query = ''): string {
  const key = lineAt(issue, 'key');
  return key === undefined
    ? ''
    : `${baseUrl(say, issue)}/browse/${encodeURIComponent(key)}${query}`;
}

/** A Jira may live below a path and without TLS: what precedes `/rest/` in `self` is its base. */
function baseUrl(say: Statements, object: JsonObject): string {
  const self = stringAt(object, 'self') ?? '';
  const base = /^(https?:\/\/[^?#]{1,512}?)\/rest\//.exec(self)?.[1];
  return base !== undefined && isOnSite(say, base) ? base : `https://${say.site}`;
}

/** An address out of a body, where it leads to the connection's own site. */
export function urlOnSite(say: Statements, text: string | undefined): string {
  if (text === undefined || text.length > 1024 || !isOnSite(say, text)) return '';
  return new URL(text).href;
}

function isOnSite(say: Statements, text: string): boolean {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return false;
  return hostOf(new URL(text).origin) === say.site;
}
