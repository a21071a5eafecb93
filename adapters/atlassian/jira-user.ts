/**
 * People of Jira: `user_created`, `user_updated`, `user_deleted`. The last came in reality as two fields,
 * `accountId` and `username`, without a name of the event.
 */
import { RuntimeError } from '#runtime';
import { type JsonObject, objectAt, stringAt } from './json.ts';
import { personOf } from './person.ts';
import type { Statements } from './statement.ts';

export function sayUser(
  say: Statements,
  body: JsonObject,
  verb: 'created' | 'updated' | 'deleted',
): void {
  const user = objectAt(body, 'user') ?? body;
  const isNamed = ['accountId', 'key', 'name', 'username', 'userKey', 'self'].some(
    (field) => stringAt(user, field) !== undefined,
  );
  if (!isNamed) throw new RuntimeError('WEBHOOK_INVALID', 'the user has no accountId, key or name');
  const person = personOf(say, user);
  if (person === null) return;
  if (verb === 'deleted') {
    say.remove(person.id, say.stamp([body.timestamp], 'deletion'));
    return;
  }
  const stamp = say.stamp([body.timestamp]);
  if (verb === 'created') say.create(person, stamp);
  else say.update(person, stamp);
}
