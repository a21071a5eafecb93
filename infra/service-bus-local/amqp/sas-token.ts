/**
 * The token by which a client shows that it has the key of the connection string.
 *
 *     SharedAccessSignature sr=‹audience›&sig=‹HMAC-SHA256›&se=‹expiry, seconds›&skn=‹key's name›
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** The emulator's own, so that its connection string works here. It protects nothing. */
export const accessKey = { name: 'RootManageSharedAccessKey', value: 'SAS_KEY_VALUE' } as const;

/** Whether it was signed with the key and has not expired. */
export function isValidToken(token: unknown, now: number): boolean {
  if (typeof token !== 'string' || !token.startsWith('SharedAccessSignature ')) return false;
  const parts = new Map(
    token
      .slice('SharedAccessSignature '.length)
      .split('&')
      .map((part) => {
        const at = part.indexOf('=');
        return [part.slice(0, at), part.slice(at + 1)] as const;
      }),
  );
  const [audience, signature, expiry] = ['sr', 'sig', 'se'].map((name) => parts.get(name) ?? '');
  if (!(Number(expiry) * 1_000 > now)) return false;
  const wanted = createHmac('sha256', accessKey.value).update(`${audience}\n${expiry}`).digest();
  const given = Buffer.from(decoded(signature ?? ''), 'base64');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
