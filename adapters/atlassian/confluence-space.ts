/**
 * Spaces: PROJECT entities, named by their key. A space keeps its key for life (an alias changes only its
 * URL), and it is the one thing that all bodies say of a space; the number is a property.
 */
import { RuntimeError } from '#runtime';
import { confluenceId, localIdAt } from './entity-id.ts';
import { type JsonObject, objectAt, stringAt } from './json.ts';
import { ranked, type Stamp } from './stamp.ts';
import type { EntityFacts, Statements } from './statement.ts';
import { lineAt } from './text.ts';
import { urlOnSite } from './url.ts';

export function saySpace(
  say: Statements,
  body: JsonObject,
  verb: 'created' | 'updated' | 'removed',
): void {
  const space = objectAt(body, 'space') ?? {};
  const facts = factsOf(say, localIdAt(space, 'key') ?? localIdAt(body, 'spaceKey'), space);
  if (facts === null) throw new RuntimeError('WEBHOOK_INVALID', 'space.key is missing or no key');
  const stamp = say.stamp([body.timestamp]);
  if (verb === 'removed') {
    say.remove(facts.id, ranked(stamp, 'purge'));
    return;
  }
  if (verb === 'created') say.create(facts, stamp);
  else say.update(facts, stamp);
}

/** The space that a content names; answers its entity id, null where it names none. */
export function mentionSpace(say: Statements, content: JsonObject, stamp: Stamp): string | null {
  const space = objectAt(content, 'space');
  const key = localIdAt(content, 'spaceKey') ?? localIdAt(space, 'key');
  const facts = factsOf(say, key, space ?? { id: content.spaceId });
  if (facts === null) return null;
  say.mention(facts, stamp, facts.properties.name === undefined);
  return facts.id;
}

function factsOf(say: Statements, key: string | undefined, space: JsonObject): EntityFacts | null {
  if (key === undefined) return null;
  return {
    id: confluenceId(say.site, 'space', key),
    type: 'PROJECT',
    source: { id: key, url: addressOf(say, key, space) },
    properties: {
      kind: 'space',
      key,
      name: lineAt(space, 'name') ?? lineAt(space, 'title'),
      spaceId: localIdAt(space, 'id'),
    },
  };
}

function addressOf(say: Statements, key: string, space: JsonObject): string {
  const said = stringAt(space, 'self') ?? '';
  const isForPeople = !said.includes('/rest/');
  return (
    (isForPeople && urlOnSite(say, said)) ||
    `https://${say.site}/wiki/spaces/${encodeURIComponent(key)}`
  );
}
