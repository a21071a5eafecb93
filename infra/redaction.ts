/**
 * What must not be in a log line, taken out of it whole: the secrets of the configuration, whatever looks
 * like a credential, and what points to a person: e-mail addresses, Atlassian account ids, and the text
 * that a JSON error quotes. Names of people that stand in running text are not recognised.
 *
 * Works on the strings of a finished line, so that nothing that is logged passes beside it.
 */
import type { Config } from './config.ts';
import { Secret } from './secret.ts';

/** Shorter ones would take everyday words with them; a password of so few characters is not protected. */
const secretCharsMin = 5;

const patterns: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, '$1 [secret]'],
  [
    /\b(SharedAccessKey|AccountKey|SharedAccessSignature|sig|password|pwd)=[^;&\s"']+/gi,
    '$1=[secret]',
  ],
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']*@/gi, '$1[secret]@'],
  [
    /\b(Unexpected (?:non-whitespace character|token|end of JSON)).*(is not valid JSON)/gs,
    '$1 […] $2',
  ],
  [/[\w.%+-]+@[\w-]+(?:\.[\w-]+)+/g, '[person]'],
  [/\b\d{6}:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '[person]'],
  [/("?accountId"?\s*[:=]\s*"?)[\w:-]{8,}/gi, '$1[person]'],
  [/(:user:)[\w:-]{8,}/g, '$1[person]'],
];

/** Takes what must not be seen out of a JSON line; the line stays JSON. */
export type Redact = (line: string) => string;

export function redactionOf(secrets: readonly string[]): Redact {
  const known = [...new Set(secrets)]
    .filter(({ length }) => length >= secretCharsMin)
    .sort((a, b) => b.length - a.length);
  const shown = (text: string): string => {
    let left = text;
    for (const secret of known) left = left.replaceAll(secret, '[secret]');
    for (const [pattern, instead] of patterns) left = left.replace(pattern, instead);
    return left;
  };
  return (line) =>
    line.replace(/"(?:[^"\\]|\\.)*"/g, (literal) => {
      const text = JSON.parse(literal) as string;
      const left = shown(text);
      return left === text ? literal : JSON.stringify(left);
    });
}

/** Every secret of a configuration, with the parts of one that are secrets themselves. */
export function secretsIn({ connections, ...config }: Config): readonly string[] {
  const ofConnections = [...connections.values()].flatMap(({ credentials, secret, token }) => [
    secret,
    token,
    credentials?.apiToken,
    credentials?.bearerToken,
  ]);
  return [
    ...ofConnections.filter((text) => text !== undefined),
    ...revealed(config).flatMap((secret) => [secret, ...partsOf(secret)]),
  ];
}

function revealed(value: unknown): readonly string[] {
  if (value instanceof Secret) return [value.reveal()];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(revealed);
}

/** The password of a URL, as it stands there and as it is meant; the keys of a connection string. */
function partsOf(secret: string): readonly string[] {
  const keys = [...secret.matchAll(/Key=([^;]+)/g)].map(([, key]) => key!);
  if (!URL.canParse(secret)) return keys;
  const { password } = new URL(secret);
  return [...keys, password, decoded(password)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not encoded: it is meant as it stands.
    return text;
  }
}
