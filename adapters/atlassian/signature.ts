/**
 * Whether a delivery comes from whom it says.
 *
 * Jira and Confluence sign with HMAC-SHA256 over the raw bytes (`X-Hub-Signature: sha256=<hex>`), where
 * they can; those that can't (Confluence Cloud, older servers) carry a token in the URL. Comparison
 * takes the same time whatever was sent. Nothing of a secret is ever part of an error.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { RuntimeError } from '#runtime';
import type { Connection } from './connection.ts';

/** Header names in lower case, as Node has them. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface Proof {
  readonly headers: Headers;
  readonly query: Query;
  /** A path segment that may be the token. */
  readonly tokenFromPath?: string | undefined;
  /** As it came over the wire. */
  readonly body: Uint8Array;
}

/**
 * Returns when the delivery is proven, or when the connection asks for no proof. With a secret and a
 * token configured, a signature is checked where there is one and the token where there is none.
 *
 * Throws SIGNATURE_INVALID (terminal). The header is `method=signature`; Atlassian may change the method,
 * and any other than sha256 is refused until we know it.
 */
export function authenticate(connection: Connection, proof: Proof): void {
  const { secret, token } = connection;
  const header = proof.headers['x-hub-signature'];
  if (secret !== undefined && (header !== undefined || token === undefined)) {
    checkSignature(secret, header, proof.body);
  } else if (token !== undefined) {
    checkToken(token, proof.query.token ?? proof.tokenFromPath);
  }
}

/** `sha256=<hex>` for a body: what a source sends. */
export function signatureOf(secret: string, body: Uint8Array): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

function checkSignature(secret: string, header: Headers[string], body: Uint8Array): void {
  if (typeof header !== 'string') throw refusal('X-Hub-Signature is missing or sent twice');
  const [method, hex = ''] = header.trim().split('=', 2);
  if (method?.toLowerCase() !== 'sha256')
    throw refusal('X-Hub-Signature has a method other than sha256');
  if (!/^[0-9a-f]{64}$/i.test(hex)) throw refusal('X-Hub-Signature is no SHA-256 in hex');
  const expected = createHmac('sha256', secret).update(body).digest();
  if (!isSame(Buffer.from(hex, 'hex'), expected)) throw refusal('X-Hub-Signature does not match');
}

function checkToken(token: string, offered: Query[string]): void {
  if (typeof offered !== 'string') throw refusal('the URL carries no token, or two');
  if (!isSame(digest(offered), digest(token))) throw refusal('the token is wrong');
}

const digest = (text: string) => createHash('sha256').update(text).digest();
const isSame = (a: Uint8Array, b: Uint8Array) => timingSafeEqual(a, b);

function refusal(detail: string): RuntimeError {
  return new RuntimeError('SIGNATURE_INVALID', detail);
}
