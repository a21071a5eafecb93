/**
 * The client for a connection string, and what must be said to it beside the string.
 *
 * The client prints or throws parts of a string that it can't read, passwords among them, so a string is
 * looked at here first, and what the client says about it goes no further.
 */
import { type BasicCredentials, KurrentDBClient } from '@kurrent/kurrentdb-client';
import { RuntimeError } from '#runtime';

export interface Connection {
  readonly client: KurrentDBClient;
  /**
   * Sent with every call. With them the client makes each append a call of its own, whose deadline
   * works; without them (a node that knows us by a certificate) appends share one call whose deadline
   * does nothing, and our own time limit is all there is. An unencrypted line carries none.
   */
  readonly credentials: BasicCredentials | undefined;
}

const options = new Set([
  'connectionname',
  'defaultdeadline',
  'discoveryinterval',
  'gossiptimeout',
  'keepaliveinterval',
  'keepalivetimeout',
  'maxdiscoverattempts',
  'nodepreference',
  'tls',
  'tlscafile',
  'tlsverifycert',
  'usercertfile',
  'userkeyfile',
]);

/** Makes a client; nothing is connected yet. Throws CONFIG_INVALID, without the string. */
export function connectTo(connectionString: string): Connection {
  const [, name, password, query = ''] =
    /^[^:]+:\/\/(?:([^:@]+):([^@]+)@)?[^?]*\??(.*)$/s.exec(connectionString) ?? [];
  const pairs = new URLSearchParams(query);
  for (const key of pairs.keys()) {
    if (options.has(key.toLowerCase())) continue;
    throw unreadable(`it has an option "${key.slice(0, 40)}", which means nothing here`);
  }
  try {
    const client = KurrentDBClient.connectionString(connectionString);
    if (pairs.get('tls') === 'false') return { client, credentials: anybody };
    if (name === undefined || password === undefined) return { client, credentials: undefined };
    const [username, word] = [decodeURIComponent(name), decodeURIComponent(password)];
    return { client, credentials: { username, password: word } };
  } catch (thrown) {
    const { message } = thrown as Error;
    throw unreadable(
      /certificate/.test(message) ? message : 'it is not kurrentdb://user@host:port',
    );
  }
}

const anybody: BasicCredentials = { username: 'anybody', password: 'anybody' };

function unreadable(why: string): RuntimeError {
  return new RuntimeError('CONFIG_INVALID', `the connection string of KurrentDB: ${why}`);
}
