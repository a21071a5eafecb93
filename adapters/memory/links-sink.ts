/**
 * The links process manager in Maps, with its outbox; see projections/links for what it promises.
 */
import {
  endPresence,
  type LinkChange,
  type LinkRow,
  LinksFold,
  linksProjection,
  type Named,
  type PresenceRow,
  type Publish,
  type Teller,
  tellingGenerations,
} from '#projections';
import { type BusMessage, type Generations, limits } from '#runtime';
import { applyEffects, MemoryGenerations, type MemoryTable } from './generations.ts';

interface LinksTables {
  readonly links: MemoryTable<LinkRow>;
  readonly presences: MemoryTable<PresenceRow>;
}

/** Links proposed in (after, until], told of all their ends or of `end`. */
interface Announcement {
  readonly end: Pick<PresenceRow, 'tenantId' | 'id'> | null;
  after: number;
  readonly until: number;
}

export class MemoryLinks {
  readonly generations: Generations<LinkChange>;
  readonly #stored: MemoryGenerations<LinkChange, LinksTables>;
  readonly #outbox = new Set<Announcement>();

  constructor(publish: Publish, named: Named, version: number = linksProjection.version) {
    this.#stored = new MemoryGenerations<LinkChange, LinksTables>({
      name: linksProjection.name,
      version,
      empty: () => ({ links: new Map(), presences: new Map() }),
      apply: ({ links, presences }, changes) => {
        const fold = new LinksFold();
        fold.add(changes);
        applyEffects(links, fold.links);
        applyEffects(presences, fold.presences);
      },
      rows: ({ links, presences }) => ({ link: links.values(), presence: presences.values() }),
      announce: (tables, from, to) => {
        for (const announcement of announcements(tables, from, to)) this.#outbox.add(announcement);
      },
    });
    const outbox: Teller = { drain: () => this.#drain(publish, named) };
    this.generations = tellingGenerations(this.#stored, outbox);
  }

  links(): readonly LinkRow[] {
    return [...this.#stored.tables.links.values()];
  }

  presences(): readonly PresenceRow[] {
    return [...this.#stored.tables.presences.values()];
  }

  /** How many announcements have not been told. */
  get untold(): number {
    return this.#outbox.size;
  }

  async #drain(publish: Publish, named: Named): Promise<void> {
    for (const announcement of this.#outbox) {
      await this.#tell(announcement, publish, named);
      this.#outbox.delete(announcement);
    }
  }

  async #tell(announcement: Announcement, publish: Publish, named: Named): Promise<void> {
    const { end } = announcement;
    for (let isLast = false; !isLast; ) {
      const page = pageOf(this.#stored.tables, announcement);
      const messages = page.flatMap((link) => messagesTo(link, end, this.#stored.tables, named));
      if (messages.length > 0) await publish(messages);
      isLast = page.length < limits.announcedLinksMax;
      announcement.after = page.at(-1)?.since ?? announcement.after;
    }
  }
}

function announcements(
  { links, presences }: LinksTables,
  from: number,
  to: number,
): readonly Announcement[] {
  const isNew = ({ since }: LinkRow) => since > from && since <= to;
  const all: Announcement = { end: null, after: from, until: to };
  const changed = [...presences.values()].filter(
    ({ position }) => position > from && position <= to,
  );
  return [
    ...([...links.values()].some(isNew) ? [all] : []),
    ...changed
      .sort((a, b) => a.position - b.position)
      .map((end) => ({ end, after: 0, until: from }))
      .filter((announcement) => pageOf({ links, presences }, announcement).length > 0),
  ];
}

function pageOf({ links }: LinksTables, { end, after, until }: Announcement): readonly LinkRow[] {
  return [...links.values()]
    .filter(({ since }) => since > after && since <= until)
    .filter((link) => end === null || (link.tenantId === end.tenantId && hasEnd(link, end.id)))
    .sort((a, b) => a.since - b.since)
    .slice(0, limits.announcedLinksMax);
}

function hasEnd({ sourceId, targetId }: LinkRow, id: string): boolean {
  return sourceId === id || targetId === id;
}

function messagesTo(
  link: LinkRow,
  end: Announcement['end'],
  { presences }: LinksTables,
  named: Named,
): readonly BusMessage[] {
  const ids = end === null ? new Set([link.sourceId, link.targetId]) : [end.id];
  return [...ids].sort().flatMap((id) => {
    const presence = presences.get(`${link.tenantId}/${id}`);
    if (presence === undefined) return [];
    return [endPresence(link, presence, end === null ? link : presence, named)];
  });
}
