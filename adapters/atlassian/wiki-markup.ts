/**
 * Jira's wiki markup, as webhooks and the v2 API have it: kept as it is, for people read it well; only
 * whom and what it mentions is read out. Users of Data Center are mentioned by a name that may be given
 * to somebody else, so only Cloud's `[~accountid:…]` counts.
 */
import { DocumentBuilder, type DocumentText } from './document-text.ts';
import { prose } from './text.ts';

const accounts = /\[~accountid:([^\]\s]{1,128})\]/g;
const urls = /https?:\/\/[^\s|\]{}"<>]{1,2048}/g;

export function readWiki(markup: string): DocumentText {
  const text = prose(markup);
  const found = new DocumentBuilder();
  for (const [, accountId] of text.matchAll(accounts)) found.mentionAccount(accountId!);
  for (const [url] of text.matchAll(urls)) found.mentionUrl(url);
  return { text, references: found.finish().references };
}
