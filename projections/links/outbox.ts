/**
 * Tells what the outbox holds: announcements to commands, published page by page.
 *
 * O1: an announcement leaves the outbox only after its last page was published, and resumes after the
 * last page that was; a crash in between tells a page twice, which has no effect. O2: in order, one page
 * of limits.announcedLinksMax links at a time; a page that can't be published holds up all that follow.
 * What is told is what is known now, which is never older than when it was announced.
 */
import { type BusMessage, limits, type ReadStore } from '#runtime';
import type { Cause, LinkRow, PresenceRow } from './change.ts';
import { endPresence, type Named } from './message.ts';

export type Publish = (messages: readonly BusMessage[]) => Promise<void>;

interface Announcement extends Record<string, unknown> {
  readonly number: number;
  readonly tenantId: string | null;
  readonly entityId: string | null;
  readonly after: number;
  readonly until: number;
}

/** One link with one of its ends; an end of which nothing is known is null. */
interface Pair extends Record<string, unknown> {
  readonly since: number;
  readonly link: LinkRow;
  readonly presence: PresenceRow | null;
}

export class Outbox {
  readonly #store: ReadStore;
  readonly #publish: Publish;
  readonly #named: Named;

  constructor(store: ReadStore, publish: Publish, named: Named) {
    this.#store = store;
    this.#publish = publish;
    this.#named = named;
  }

  /** Resolves when the outbox is empty. Throws what `publish` does; what was not told stays. */
  async drain(): Promise<void> {
    for (let first = await this.#first(); first !== null; first = await this.#first()) {
      await this.#tell(first);
    }
  }

  async #first(): Promise<Announcement | null> {
    const [first] = await this.#store.query<Announcement>(
      `SELECT number, tenant_id AS "tenantId", entity_id AS "entityId",
              after_since AS after, until_since AS until
         FROM cognisync.outbox ORDER BY number LIMIT 1`,
    );
    return first ?? null;
  }

  /** One page of an announcement. */
  async #tell({ number, tenantId, entityId, after, until }: Announcement): Promise<void> {
    const { sql, values } =
      tenantId === null || entityId === null
        ? { sql: ofAllEnds, values: [after, until] }
        : { sql: ofOneEnd, values: [after, until, tenantId, entityId] };
    const pairs = await this.#store.query<Pair>(sql, [...values, limits.announcedLinksMax]);
    const messages = pairs.flatMap(({ link, presence }) => {
      if (presence === null) return [];
      const cause: Cause = entityId === null ? link : presence;
      return [endPresence(link, presence, cause, this.#named)];
    });
    if (messages.length > 0) await this.#publish(messages);
    const told = new Set(pairs.map(({ since }) => since));
    if (told.size < limits.announcedLinksMax) {
      await this.#store.query('DELETE FROM cognisync.outbox WHERE number = $1', [number]);
    } else {
      await this.#store.query(
        'UPDATE cognisync.outbox SET after_since = $2 WHERE number = $1 AND after_since < $2',
        [number, Math.max(...told)],
      );
    }
  }
}

const linkJson = `jsonb_build_object(
  'tenantId', l.tenant_id, 'id', l.id, 'sourceId', l.source_id, 'targetId', l.target_id,
  'revision', l.revision, 'since', l.since, 'recordedAt', l.recorded_at,
  'correlationId', l.correlation_id, 'eventId', l.event_id)`;
const presenceJson = `CASE WHEN p.id IS NOT NULL THEN jsonb_build_object(
  'tenantId', p.tenant_id, 'id', p.id, 'present', p.present, 'revision', p.revision,
  'position', p.position, 'recordedAt', p.recorded_at,
  'correlationId', p.correlation_id, 'eventId', p.event_id) END`;

const ofAllEnds = `
  SELECT l.since, ${linkJson} AS link, ${presenceJson} AS presence
    FROM (SELECT * FROM links.link WHERE since > $1 AND since <= $2 ORDER BY since LIMIT $3) l
    LEFT JOIN links.presence p
      ON p.tenant_id = l.tenant_id AND p.id = ANY(ARRAY[l.source_id, l.target_id])
   ORDER BY l.since, p.id`;

const linksByEnd = (end: string) => `
  (SELECT * FROM links.link
    WHERE tenant_id = $3 AND ${end} = $4 AND since > $1 AND since <= $2
    ORDER BY since LIMIT $5)`;

const ofOneEnd = `
  SELECT l.since, ${linkJson} AS link, ${presenceJson} AS presence
    FROM (SELECT * FROM (${linksByEnd('source_id')} UNION ${linksByEnd('target_id')}) ends
           ORDER BY since LIMIT $5) l
    LEFT JOIN links.presence p ON p.tenant_id = $3 AND p.id = $4
   ORDER BY l.since`;
