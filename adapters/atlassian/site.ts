/**
 * Which site a delivery is from.
 *
 * A connection's own site always wins: one connection is one site, whatever host a body, a proxy or a
 * renamed instance shows. Only a connection that was never given one takes the host of the first `self`
 * in the body; some bodies have none (a link event names two issues by number and nothing else), and
 * then the site of the last delivery that had one is as good as any (`SiteMemory`), and before that the
 * connection's id.
 */
import { limits } from '#runtime';
import { at, type JsonObject } from './json.ts';

/** The host of an http(s) URL or of a bare `host[:port]`, in lower case; undefined for anything else. */
export function hostOf(text: string): string | undefined {
  const url = /^https?:\/\//i.test(text) ? text : `https://${text}`;
  if (!URL.canParse(url)) return undefined;
  const { host, username, password } = new URL(url);
  const isBare = text === url || !/[/?#]/.test(text);
  if (!isBare || username !== '' || password !== '') return undefined;
  return host.length > 0 && host.length <= limits.siteCharsMax ? host : undefined;
}

/** The host of the first `self` in a body, nearest the root first. */
export function hostInBody(body: JsonObject): string | undefined {
  let level: readonly unknown[] = [body];
  while (level.length > 0) {
    for (const value of level) {
      const self = at(value, 'self');
      const host = typeof self === 'string' && self.startsWith('http') ? hostOf(self) : undefined;
      if (host !== undefined) return host;
    }
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
  return undefined;
}

/** Remembers for each connection without a site where it spoke from last. Lives with its process. */
export class SiteMemory {
  readonly #sites = new Map<string, string>();

  /** The site of this delivery. */
  siteOf(connection: { readonly id: string; readonly site?: string }, body: JsonObject): string {
    if (connection.site !== undefined) return connection.site;
    const said = hostInBody(body);
    if (said !== undefined) this.#sites.set(connection.id, said);
    return said ?? this.#sites.get(connection.id) ?? connection.id;
  }
}
