/**
 * An issue as a body shows it, whole or in a fragment.
 *
 * A whole issue (it has `fields.updated`) says what is empty, too: a null there is known to be empty, and
 * an empty assignee unlinks. A fragment says only what it holds. A field that is missing says nothing in
 * either: fields are sent per permission.
 */
import { jiraId, localIdAt } from './entity-id.ts';
import { mentionProject } from './jira-project.ts';
import { at, flagAt, type JsonObject, numberAt, objectAt, stringAt } from './json.ts';
import { mention } from './person.ts';
import { documentAt } from './reference.ts';
import { fill } from './relation.ts';
import { ranked, type Stamp } from './stamp.ts';
import type { EntityFacts, Importance, Statements } from './statement.ts';
import { lineAt, linesAt } from './text.ts';
import { browseUrl } from './url.ts';

/** An issue seen beside something else, with what is said of it there; answers its entity id. */
export function mentionIssue(say: Statements, value: unknown, stamp: Stamp): string | null {
  const localId = localIdAt(value, 'id');
  if (localId === undefined) return null;
  const facts = issueFacts(say, objectAt(value) ?? {}, localId, false);
  const { key, title } = facts.properties;
  say.mention(facts, stamp, key === undefined && title === undefined);
  const fields = objectAt(value, 'fields') ?? {};
  relateIssue(say, facts.id, fields, { stamp: ranked(stamp, 'mention'), empties: false });
  return facts.id;
}

/** What a body says of an issue; `isWhole` says that a null means empty. */
export function issueFacts(
  say: Statements,
  issue: JsonObject,
  localId: string,
  isWhole: boolean,
): EntityFacts {
  const fields = objectAt(issue, 'fields') ?? {};
  const empty = (name: string) => (isWhole && at(fields, name) === null ? null : undefined);
  const name = (field: string) => lineAt(fields, field, 'name') ?? empty(field);
  const document = documentAt(fields, 'description');
  return {
    id: jiraId(say.site, 'issue', localId),
    type: 'ISSUE',
    source: { id: localId, url: browseUrl(say, issue) },
    importance: importanceOf(stringAt(fields, 'priority', 'name')),
    properties: {
      key: lineAt(issue, 'key'),
      title: lineAt(fields, 'summary'),
      text: document === null ? empty('description') : document?.text,
      status: name('status'),
      statusCategory: lineAt(fields, 'status', 'statusCategory', 'key'),
      issueType: name('issuetype'),
      priority: name('priority'),
      resolution: name('resolution'),
      labels: linesAt(fields, 'labels'),
      components: linesAt(fields, 'components'),
      fixVersions: linesAt(fields, 'fixVersions'),
      dueDate: lineAt(fields, 'duedate') ?? empty('duedate'),
      createdAt: say.instant(at(fields, 'created')),
      updatedAt: say.instant(at(fields, 'updated')),
      resolvedAt: say.instant(at(fields, 'resolutiondate')) ?? empty('resolutiondate'),
    },
  };
}

/** The names that Jira has shipped with; one that a site made up is NORMAL. */
const importanceByPriority = new Map<string, Importance>([
  ['blocker', 'CRITICAL'],
  ['critical', 'CRITICAL'],
  ['highest', 'CRITICAL'],
  ['major', 'MAJOR'],
  ['high', 'MAJOR'],
  ['minor', 'MINOR'],
  ['low', 'MINOR'],
  ['trivial', 'MINOR'],
  ['lowest', 'MINOR'],
]);

function importanceOf(priority: string | undefined): Importance {
  return importanceByPriority.get((priority ?? '').toLowerCase()) ?? 'NORMAL';
}

interface Relating {
  readonly stamp: Stamp;
  /** Whether a null says that the slot is empty. */
  readonly empties: boolean;
}

/** The slots of an issue: project, reporter, assignee, parent. */
export function relateIssue(
  say: Statements,
  id: string,
  fields: JsonObject,
  relating: Relating,
): void {
  const { stamp, empties } = relating;
  const seen = ranked(stamp, 'mention');
  const person = (field: string) => {
    if (at(fields, field) === undefined) return undefined;
    // An account without an identity is nobody that can be linked to.
    return mention(say, at(fields, field), seen) ?? (empties ? null : undefined);
  };
  fill(say, id, 'container', mentionProject(say, at(fields, 'project'), seen) ?? undefined, stamp);
  const author = Object.hasOwn(fields, 'reporter') ? 'reporter' : 'creator';
  fill(say, id, 'author', person(author), stamp);
  fill(say, id, 'assignee', person('assignee'), stamp);
  const parent = objectAt(fields, 'parent');
  if (parent === undefined) return;
  const target = mentionIssue(say, parent, seen);
  fill(say, id, 'parent', target ?? undefined, stamp, kindOfParent(fields, parent));
}

function kindOfParent(fields: JsonObject, parent: JsonObject): 'subtask' | 'epic' | undefined {
  if (flagAt(fields, 'issuetype', 'subtask') === true) return 'subtask';
  const level = numberAt(parent, 'fields', 'issuetype', 'hierarchyLevel');
  return level !== undefined && level > 0 ? 'epic' : undefined;
}
