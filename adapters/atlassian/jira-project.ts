/** Projects: the object of `project_*`, and the project that every issue names. */
import { RuntimeError } from '#runtime';
import { jiraId, localIdAt } from './entity-id.ts';
import { at, type JsonObject, objectAt } from './json.ts';
import { mention } from './person.ts';
import { documentAt } from './reference.ts';
import { fill } from './relation.ts';
import { ranked, type Stamp } from './stamp.ts';
import type { EntityFacts, Statements } from './statement.ts';
import { lineAt } from './text.ts';
import { browseUrl } from './url.ts';

type ProjectVerb =
  | 'created'
  | 'updated'
  | 'deleted'
  | 'soft_deleted'
  | 'restored_deleted'
  | 'archived'
  | 'restored_archived';

export function sayProject(say: Statements, body: JsonObject, verb: ProjectVerb): void {
  const project = objectAt(body, 'project');
  const facts = project === undefined ? null : factsOf(say, project);
  if (facts === null) throw new RuntimeError('WEBHOOK_INVALID', 'project.id is missing or no id');
  const stamp = say.stamp([body.timestamp]);
  switch (verb) {
    case 'deleted':
      say.remove(facts.id, ranked(stamp, 'purge'));
      return;
    case 'soft_deleted':
      say.remove(facts.id, ranked(stamp, 'deletion'));
      return;
    case 'restored_deleted':
      say.create(facts, ranked(stamp, 'restoration'));
      break;
    case 'created':
      say.create(facts, stamp);
      break;
    case 'updated':
      say.update(facts, stamp);
      break;
    default:
      say.update(withArchived(facts, verb === 'archived'), stamp);
  }
  const lead = mention(
    say,
    at(project, 'projectLead') ?? at(project, 'lead'),
    ranked(stamp, 'mention'),
  );
  fill(say, facts.id, 'lead', lead ?? undefined, stamp);
}

/** The project that an issue names; answers its entity id, null where it has no id. */
export function mentionProject(say: Statements, value: unknown, stamp: Stamp): string | null {
  const facts = factsOf(say, objectAt(value) ?? {});
  if (facts === null) return null;
  const { key, name } = facts.properties;
  say.mention(facts, stamp, key === undefined && name === undefined);
  return facts.id;
}

function factsOf(say: Statements, project: JsonObject): EntityFacts | null {
  const localId = localIdAt(project, 'id');
  if (localId === undefined) return null;
  return {
    id: jiraId(say.site, 'project', localId),
    type: 'PROJECT',
    source: { id: localId, url: browseUrl(say, project) },
    properties: {
      kind: 'project',
      key: lineAt(project, 'key'),
      name: lineAt(project, 'name'),
      text: documentAt(project, 'description')?.text,
      projectType: lineAt(project, 'projectTypeKey'),
    },
  };
}

function withArchived(facts: EntityFacts, isArchived: boolean): EntityFacts {
  return { ...facts, properties: { ...facts.properties, isArchived } };
}
