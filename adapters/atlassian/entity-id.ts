/**
 * Names of entities: stable for life, the same from every delivery, never shared by two sites.
 *
 * Made of what never changes: numeric ids, account ids, the key of a space (Confluence gives a space no
 * other key, and it is all that some bodies say of it). Keys of issues and projects change by a move
 * or a rename and are properties. A person of Atlassian Cloud is the same over all products and sites.
 */
import { at } from './json.ts';

/** Two entity ids and a word between them stay within limits.idCharsMax. */
const localCharsMax = 128;

// biome-ignore lint/suspicious/noControlCharactersInRegex: ids with control characters are refused
const unusable = /[\u0000-\u001f\u007f]/;

/**
 * A source's own id as text: bodies of one product have it as a number in one year and as a string in
 * the next. Undefined where there is none that can be trusted (a number beyond 2^53 has lost digits).
 */
export function localIdAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  if (typeof found === 'number') return Number.isSafeInteger(found) ? String(found) : undefined;
  if (typeof found !== 'string' || found === '' || found.length > localCharsMax) return undefined;
  return unusable.test(found) || !found.isWellFormed() ? undefined : found;
}

export type JiraKind = 'issue' | 'project' | 'comment' | 'attachment' | 'issuelink';
export type ContentKind = 'page' | 'blogpost' | 'comment' | 'attachment';

export const jiraId = (site: string, kind: JiraKind, id: string) => `jira:${site}:${kind}:${id}`;

export const confluenceId = (site: string, kind: ContentKind | 'space', id: string) =>
  `confluence:${site}:${kind}:${id}`;

export const accountEntityId = (accountId: string) => `atlassian:account:${accountId}`;

/** A person of Data Center, who is one only within a site. */
export const userEntityId = (system: 'jira' | 'confluence', site: string, key: string) =>
  `${system}:${site}:user:${key}`;
