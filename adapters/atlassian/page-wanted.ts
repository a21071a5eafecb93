/**
 * Which pages must be read: what follows from the events of entities.
 *
 * Webhooks of Confluence Cloud carry neither the text of a page nor its parent. A page is wanted when a
 * version of it becomes known whose text is not there (property `version` above `textVersion`), and when
 * it was moved (`movedAt`): that gives it no new version. What a read itself writes has a `textVersion`
 * equal to its `version` and is never wanted again.
 */
import { addressOf, type Projection, type RecordedEvent } from '#runtime';
import type { Connection } from './connection.ts';
import { confluenceId } from './entity-id.ts';
import { at, numberAt, stringAt } from './json.ts';

export interface PageWanted {
  readonly kind: 'page' | 'blogpost';
  readonly localId: string;
  /** The version that is known to exist; 0 where only the place is wanted. */
  readonly version: number;
  /** When the source had what made us look, in ms; what is read is at least as new. */
  readonly sinceMs: number;
  /** When the page came to be, or came back: what is older went with its deletion. */
  readonly bornMs: number;
}

const kinds = ['page', 'blogpost'] as const;

/** The pages that one connection must read. */
export function pagesWanted(connection: Connection & { readonly site: string }) {
  const prefixes = kinds.map((kind) => ({ kind, prefix: confluenceId(connection.site, kind, '') }));
  return {
    name: `pages:${connection.id}`,
    version: 1,
    filter: { categories: ['entity'], types: ['EntityCreated', 'EntityUpdated'] },
    project(event) {
      const { tenantId, id } = addressOf(event.stream);
      const found = prefixes.find(({ prefix }) => id.startsWith(prefix));
      if (tenantId !== connection.tenantId || found === undefined) return [];
      const wanted = wantedBy(event);
      if (wanted === null) return [];
      return [{ kind: found.kind, localId: id.slice(found.prefix.length), ...wanted }];
    },
  } satisfies Projection<PageWanted>;
}

function wantedBy({ type, data }: RecordedEvent) {
  const said = at(data, type === 'EntityCreated' ? 'properties' : 'changed');
  const version = numberAt(said, 'version') ?? 0;
  const isRead = version <= (numberAt(said, 'textVersion') ?? 0);
  if (isRead && stringAt(said, 'movedAt') === undefined) return null;
  const sinceMs = Date.parse(stringAt(data, 'extractedAt') ?? '') || 0;
  return { version, sinceMs, bornMs: type === 'EntityCreated' ? sinceMs : 0 };
}

/** One entry a page: the newest version and the latest reason. */
export function coalesced(wanted: readonly PageWanted[]): readonly PageWanted[] {
  const pages = new Map<string, PageWanted>();
  for (const page of wanted) {
    const key = `${page.kind}/${page.localId}`;
    const before = pages.get(key);
    pages.set(key, {
      ...page,
      version: Math.max(page.version, before?.version ?? 0),
      sinceMs: Math.max(page.sinceMs, before?.sinceMs ?? 0),
      bornMs: Math.max(page.bornMs, before?.bornMs ?? 0),
    });
  }
  return [...pages.values()];
}
