/**
 * A connection: one site of one product that may deliver to us, for one tenant.
 *
 * The site belongs to the registration, not to the bodies: entity ids are made of it, and a body that
 * names another host cannot write there. The exception are the two connections that exist without a
 * connections file; theirs has no site and is learned from what comes (see site.ts).
 */
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { limits, RuntimeError, tenantPattern } from '#runtime';
import { LinkTypeRule } from './link-type.ts';
import { hostOf } from './site.ts';

const secret = (description: string) =>
  Type.String({ minLength: 1, maxLength: 1024, pattern: '\\S', description });

const Credentials = Type.Object(
  {
    baseUrl: Type.String({ minLength: 1, description: 'Such as https://acme.atlassian.net.' }),
    email: Type.Optional(secret('Of the account that the token belongs to.')),
    apiToken: Type.Optional(secret('Goes with email.')),
    bearerToken: Type.Optional(secret('An OAuth 2.0 access token; instead of the two.')),
  },
  { additionalProperties: false, description: 'For reading pages; Confluence Cloud only.' },
);

/** One entry of CONNECTIONS_FILE; its id is its key. */
export const ConnectionEntry = Type.Object(
  {
    system: Type.Enum(['jira', 'confluence']),
    tenantId: Type.String({ pattern: tenantPattern }),
    site: Type.String({
      minLength: 1,
      maxLength: limits.siteCharsMax,
      description:
        'Host of the site, such as acme.atlassian.net; an http(s) URL is taken for its host.',
    }),
    secret: Type.Optional(secret('Deliveries carry X-Hub-Signature, made with it.')),
    token: Type.Optional(secret('Deliveries carry it in their URL, as ?token= or a path segment.')),
    credentials: Type.Optional(Credentials),
    linkTypes: Type.Optional(Type.Record(Type.String(), LinkTypeRule)),
  },
  { additionalProperties: false },
);

type Entry = Static<typeof ConnectionEntry>;

export type Credentials = Static<typeof Credentials>;

export interface Connection extends Omit<Entry, 'site'> {
  readonly id: string;
  /** A host; absent for the connections that need no file. */
  readonly site?: string;
}

const entryCheck = Compile(ConnectionEntry);
const idPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** Whether deliveries prove where they come from. */
export function isSigned(connection: Connection): boolean {
  return connection.secret !== undefined || connection.token !== undefined;
}

/** What exists without a connections file: unsigned, so only for a server on loopback. */
export function defaultConnections(): ReadonlyMap<string, Connection> {
  return new Map([
    ['jira', { id: 'jira', system: 'jira', tenantId: 'default' }],
    ['confluence', { id: 'confluence', system: 'confluence', tenantId: 'default' }],
  ]);
}

/**
 * The content of CONNECTIONS_FILE: an object, id → entry. Throws CONFIG_INVALID with all mistakes in one
 * message; `data.mistakes` has them one by one. Values are never repeated, they may be secrets.
 */
export function parseConnections(json: unknown): ReadonlyMap<string, Connection> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw invalid(['the connections file must hold a JSON object: id → connection']);
  }
  const mistakes: string[] = [];
  const connections = new Map<string, Connection>();
  for (const [id, entry] of Object.entries(json)) {
    const found = mistakesOf(id, entry);
    mistakes.push(...found);
    if (found.length === 0) connections.set(id, connectionOf(id, entry as Entry));
  }
  if (connections.size === 0 && mistakes.length === 0) mistakes.push('no connection is configured');
  if (mistakes.length > 0) throw invalid(mistakes);
  return connections;
}

function connectionOf(id: string, entry: Entry): Connection {
  return { ...entry, id, site: hostOf(entry.site) ?? entry.site };
}

function mistakesOf(id: string, entry: unknown): readonly string[] {
  const name = JSON.stringify(id.slice(0, 64));
  const say = (text: string) => `connection ${name}: ${text}`;
  const found = idPattern.test(id)
    ? []
    : [say('the id must be of letters, digits, "_", ".", "-", at most 64')];
  if (!entryCheck.Check(entry)) return [...found, ...shapeMistakes(entry).map(say)];
  if (hostOf(entry.site) === undefined) found.push(say('/site is no host and no http(s) URL'));
  found.push(...credentialMistakes(entry.credentials).map(say));
  for (const [type, rule] of Object.entries(entry.linkTypes ?? {})) {
    if (rule.relationship === 'DEPENDS_ON' && rule.dependent === undefined) {
      found.push(
        say(`/linkTypes/${type}: DEPENDS_ON needs "dependent": "source" or "destination"`),
      );
    }
  }
  return found;
}

function shapeMistakes(entry: unknown): readonly string[] {
  return entryCheck.Errors(entry).flatMap((error) => {
    const { instancePath, keyword, message } = error;
    // An unknown field is reported twice; once with the names.
    if (keyword === 'boolean') return [];
    if (keyword !== 'additionalProperties') return [`${instancePath} ${message}`.trim()];
    const names = error.params.additionalProperties.map((name) =>
      JSON.stringify(name.slice(0, 64)),
    );
    return [`${instancePath} knows no field ${names.join(', ')}`.trim()];
  });
}

function credentialMistakes(credentials: Credentials | undefined): readonly string[] {
  if (credentials === undefined) return [];
  const { baseUrl, email, apiToken, bearerToken } = credentials;
  const found = isPlainUrl(baseUrl)
    ? []
    : ['/credentials/baseUrl must be an http(s) URL without user, query and fragment'];
  const isBasic = email !== undefined && apiToken !== undefined && bearerToken === undefined;
  const isBearer = email === undefined && apiToken === undefined && bearerToken !== undefined;
  if (!isBasic && !isBearer) {
    found.push('/credentials need email and apiToken, or bearerToken alone');
  }
  return found;
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search + hash === '';
}

function invalid(mistakes: readonly string[]): RuntimeError {
  return new RuntimeError('CONFIG_INVALID', mistakes.join('\n'), { data: { mistakes } });
}
