/** People of Confluence: `user_*`. An account that is switched off is still a person. */
import { RuntimeError } from '#runtime';
import { type JsonObject, objectAt, stringAt } from './json.ts';
import { personOf } from './person.ts';
import type { EntityFacts, Statements } from './statement.ts';

export type UserVerb = 'created' | 'updated' | 'deactivated' | 'reactivated' | 'removed';

export function sayConfluenceUser(say: Statements, body: JsonObject, verb: UserVerb): void {
  const user = objectAt(body, 'user') ?? objectAt(body, 'userProfile') ?? body;
  const isNamed = ['accountId', 'userKey', 'key', 'username', 'name'].some(
    (field) => stringAt(user, field) !== undefined,
  );
  if (!isNamed) throw new RuntimeError('WEBHOOK_INVALID', 'the user has no accountId and no key');
  const person = personOf(say, user);
  if (person === null) return;
  if (verb === 'removed') {
    say.remove(person.id, say.stamp([body.timestamp], 'deletion'));
    return;
  }
  const stamp = say.stamp([body.timestamp]);
  if (verb === 'created') say.create(person, stamp);
  else if (verb === 'updated') say.update(person, stamp);
  else say.update(withActive(person, verb === 'reactivated'), stamp);
}

function withActive(person: EntityFacts, isActive: boolean): EntityFacts {
  return { ...person, properties: { ...person.properties, isActive } };
}
