/**
 * Issue links: reported by both issues and by an event of their own, always with the link's id, which is
 * the relationship's identity. A link is removed by `issuelink_deleted` alone; that it is missing from an
 * issue's list says nothing (the reader may not see the other issue), and the changelog names no id.
 *
 * Who is source and destination: see link-type.ts. In an issue's list an `outwardIssue` is the
 * destination of a link whose source is the issue, an `inwardIssue` is the source of one that ends here.
 *
 * Links that Jira makes itself (`systemLink`) join an epic and its stories: role `parent`, from the story
 * (the destination) to the epic. Those between a task and its sub-tasks say only what the
 * sub-task's own body says in its parent slot, and are left to it.
 */
import { RuntimeError } from '#runtime';
import { jiraId, localIdAt } from './entity-id.ts';
import { mentionIssue } from './jira-issue.ts';
import { at, flagAt, type JsonObject, objectAt, stringAt } from './json.ts';
import { type LinkType, meaningOf } from './link-type.ts';
import type { Stamp } from './stamp.ts';
import type { Statements } from './statement.ts';
import { clean, lineAt } from './text.ts';

/** `issuelink_created` and `issuelink_deleted`; their bodies name two issues by number. */
export function sayLink(say: Statements, body: JsonObject, verb: 'created' | 'deleted'): void {
  const link = objectAt(body, 'issueLink');
  const id = localIdAt(link, 'id');
  if (id === undefined) throw new RuntimeError('WEBHOOK_INVALID', 'issueLink.id is missing');
  if (verb === 'deleted') {
    say.unlink(jiraId(say.site, 'issuelink', id), say.stamp([body.timestamp], 'deletion'));
    return;
  }
  const source = localIdAt(link, 'sourceIssueId');
  const destination = localIdAt(link, 'destinationIssueId');
  if (source === undefined || destination === undefined) {
    throw new RuntimeError('WEBHOOK_INVALID', 'issueLink names no source or no destination');
  }
  const type = objectAt(link, 'issueLinkType');
  if (flagAt(type, 'isSubTaskLinkType') === true) return;
  const stamp = say.stamp([body.timestamp]);
  const ends = { id, source, destination };
  if (isOfJira(link, type)) linkToEpic(say, ends, type, stamp);
  else linkEnds(say, ends, typeOf(type, 'outwardName', 'inwardName'), stamp);
}

/** An entry of an issue's `issuelinks`. */
export function linkIssue(say: Statements, issue: string, entry: unknown, stamp: Stamp): void {
  const id = localIdAt(entry, 'id');
  const outward = localIdAt(entry, 'outwardIssue', 'id');
  const inward = localIdAt(entry, 'inwardIssue', 'id');
  const other = outward ?? inward;
  if (id === undefined || other === undefined) return;
  mentionIssue(say, at(entry, outward === undefined ? 'inwardIssue' : 'outwardIssue'), stamp);
  const ends =
    outward === undefined
      ? { id, source: other, destination: issue }
      : { id, source: issue, destination: other };
  linkEnds(say, ends, typeOf(at(entry, 'type'), 'outward', 'inward'), stamp);
}

interface Ends {
  /** The link's. */
  readonly id: string;
  readonly source: string;
  readonly destination: string;
}

function linkEnds(
  say: Statements,
  { id, source, destination }: Ends,
  type: LinkType,
  stamp: Stamp,
) {
  const meaning = meaningOf(type, say.origin.connection.linkTypes);
  if (!meaning.isKnown) say.unknownLinkTypes.add(type.name ?? type.id ?? '');
  const isTurned = meaning.isSymmetric
    ? isAfter(source, destination)
    : meaning.from === 'destination';
  const [from, to] = isTurned ? [destination, source] : [source, destination];
  say.link(
    {
      id: jiraId(say.site, 'issuelink', id),
      type: meaning.relationship,
      from: jiraId(say.site, 'issue', from),
      to: jiraId(say.site, 'issue', to),
      properties: { role: 'link', subtype: meaning.subtype },
    },
    stamp,
  );
}

function linkToEpic(say: Statements, ends: Ends, type: unknown, stamp: Stamp): void {
  say.link(
    {
      id: jiraId(say.site, 'issuelink', ends.id),
      type: 'RELATED_TO',
      from: jiraId(say.site, 'issue', ends.destination),
      to: jiraId(say.site, 'issue', ends.source),
      properties: { role: 'parent', subtype: lineAt(type, 'name') },
    },
    stamp,
  );
}

function isOfJira(link: unknown, type: unknown): boolean {
  return flagAt(link, 'systemLink') === true || flagAt(type, 'isSystemLinkType') === true;
}

function typeOf(type: unknown, outward: string, inward: string): LinkType {
  const verb = (name: string) => {
    const found = stringAt(type, name);
    return found === undefined ? undefined : clean(found);
  };
  return {
    id: localIdAt(type, 'id'),
    name: lineAt(type, 'name'),
    outward: verb(outward),
    inward: verb(inward),
  };
}

/** Order of ids for links that have none: shorter first, for numbers the smaller. */
function isAfter(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}
