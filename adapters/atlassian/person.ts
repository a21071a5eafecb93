/**
 * People, as both products and both deployments show them.
 *
 * Cloud: an opaque accountId, the same over all sites. Data Center: a key for life (and a name that may
 * change, the fallback where old bodies have only that) within one site. Bodies of the years between
 * carry all three; the accountId wins. Some carry nothing but the link to the person's resource.
 *
 * Not a person: an app, an account that was blanked or anonymised (`""`, `unknown`). All of those
 * would fall together into one person, so they are none. Pictures and time zones are not kept.
 */

import { accountEntityId, localIdAt, userEntityId } from './entity-id.ts';
import { at, flagAt, stringAt } from './json.ts';
import type { Stamp } from './stamp.ts';
import type { EntityFacts, Statements } from './statement.ts';
import { lineAt } from './text.ts';

/** What is known of a person who was mentioned; null for an account that is no person. */
export function personOf(say: Statements, value: unknown): EntityFacts | null {
  if (stringAt(value, 'accountType') === 'app' || stringAt(value, 'type') === 'app') return null;
  const accountId = accountIdOf(value);
  if (accountId === null) return null;
  const common = {
    name: lineAt(value, 'displayName') ?? lineAt(value, 'publicName'),
    email: lineAt(value, 'emailAddress') ?? lineAt(value, 'email'),
    isActive: flagAt(value, 'active'),
  };
  if (accountId !== undefined) {
    const source = { id: accountId, url: profileOf(say, accountId) };
    const properties = { ...common, accountId };
    return { id: accountEntityId(accountId), type: 'PERSON', source, properties };
  }
  const userKey = localIdAt(value, 'key') ?? localIdAt(value, 'userKey') ?? fromSelf(value, 'key');
  const userName =
    localIdAt(value, 'name') ?? localIdAt(value, 'username') ?? fromSelf(value, 'username');
  const localId = userKey ?? userName;
  if (localId === undefined) return null;
  const { connection, site } = say.origin;
  return {
    id: userEntityId(connection.system, site, localId),
    type: 'PERSON',
    source: { id: localId, url: '' },
    properties: { ...common, userKey, userName },
  };
}

/** Says that a person exists, as seen beside something else; answers the id to link to. */
export function mention(say: Statements, value: unknown, stamp: Stamp): string | null {
  const person = personOf(say, value);
  if (person === null) return null;
  const { name, email, isActive } = person.properties;
  say.mention(
    person,
    stamp,
    [name, email, isActive].every((each) => each === undefined),
  );
  return person.id;
}

/** Null where the account has no identity; undefined where the body is of the world without any. */
function accountIdOf(value: unknown): string | null | undefined {
  if (typeof at(value, 'accountId') === 'string') {
    const accountId = localIdAt(value, 'accountId');
    return accountId === undefined || accountId === 'unknown' ? null : accountId;
  }
  return fromSelf(value, 'accountId');
}

/** An id out of `…/rest/api/2/user?username=ann`. */
function fromSelf(value: unknown, parameter: string): string | undefined {
  const self = stringAt(value, 'self');
  if (self === undefined || !URL.canParse(self)) return undefined;
  const id = localIdAt({ id: new URL(self).searchParams.get(parameter) }, 'id');
  return id === 'unknown' ? undefined : id;
}

function profileOf(say: Statements, accountId: string): string {
  const folder = say.origin.connection.system === 'jira' ? 'jira/people' : 'wiki/people';
  return `https://${say.site}/${folder}/${encodeURIComponent(accountId)}`;
}
