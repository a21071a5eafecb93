/**
 * What one delivery says, as messages to actors.
 *
 *  1. A message's id is a digest of what it says. The same statement is the same message by whichever
 *     delivery it comes: a webhook sent twice, or an old comment repeated in every body of its issue,
 *     leaves the log as it was. Only where the time had to be taken from our clock the delivery's id
 *     stands in for it, so that a redelivery still has the same ids.
 *  2. CREATE says that the source made or restored the thing, DELETE that it removed it; everything
 *     else is UPDATE, which makes an unknown entity but never revives a deleted one.
 *  3. Properties that the source did not mention are absent; null says that it is known to be empty.
 */
import { createHash } from 'node:crypto';
import type { ActorMessage, EntityType, RelationshipType } from '#actors';
import { limits, RuntimeError } from '#runtime';
import type { Connection } from './connection.ts';
import { dawn, type Rank, ranked, type Stamp, stampOf, timeOf } from './stamp.ts';

/** Where and when the words were said. */
export interface Origin {
  readonly connection: Connection;
  readonly site: string;
  /** The delivery, unique over all connections; messages carry it as their correlation. */
  readonly deliveryId: string;
  /** By the source's clock where it told, ISO 8601. */
  readonly sentAt: string;
  readonly receivedAtMs: number;
}

export type Importance = 'MINOR' | 'NORMAL' | 'MAJOR' | 'CRITICAL';

export interface EntityFacts {
  readonly id: string;
  readonly type: EntityType;
  /** The source's own id, and where a person can open it. */
  readonly source: { readonly id: string; readonly url: string };
  readonly importance?: Importance;
  /** Undefined values are left out. */
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface LinkFacts {
  readonly id: string;
  readonly type: RelationshipType;
  readonly from: string;
  readonly to: string;
  readonly properties: Readonly<Record<string, unknown>>;
  /** A link that was read out of text is less sure and weaker than one that somebody made. */
  readonly isFromText?: boolean;
}

export class Statements {
  readonly origin: Origin;
  /** Link types that no table knows, by name; for a counter. */
  readonly unknownLinkTypes = new Set<string>();
  readonly #messages = new Map<string, ActorMessage>();

  constructor(origin: Origin) {
    this.origin = origin;
  }

  get site(): string {
    return this.origin.site;
  }

  /** In the order in which they were said, each once. */
  get messages(): readonly ActorMessage[] {
    return [...this.#messages.values()];
  }

  /** The first of these times that can be believed, else the time of receipt. */
  stamp(candidates: readonly unknown[], rank?: Rank): Stamp {
    return stampOf(candidates, this.origin.receivedAtMs, rank);
  }

  /** The first of these times that can be believed, as a property has it. */
  instant(...candidates: readonly unknown[]): string | undefined {
    const times = candidates.map((value) => timeOf(value, this.origin.receivedAtMs));
    const ms = times.find((time) => time !== undefined);
    return ms === undefined ? undefined : new Date(ms).toISOString();
  }

  create(entity: EntityFacts, stamp: Stamp): void {
    this.#say('CREATE_ENTITY', stamp, this.#content(entity));
  }

  update(entity: EntityFacts, stamp: Stamp): void {
    this.#say('UPDATE_ENTITY', stamp, this.#content(entity));
  }

  /** Something seen beside what the delivery is about; `isBare` where only its existence is said. */
  mention(entity: EntityFacts, stamp: Stamp, isBare: boolean): void {
    this.update(entity, isBare ? dawn : ranked(stamp, 'mention'));
  }

  remove(entityId: string, stamp: Stamp): void {
    this.#say('DELETE_ENTITY', stamp, (extractedAt) => ({ entityId, metadata: { extractedAt } }));
  }

  link(link: LinkFacts, stamp: Stamp): void {
    const isFromText = link.isFromText === true;
    this.#say('LINK_ENTITIES', stamp, (extractedAt) => ({
      relationshipId: link.id,
      relationshipType: link.type,
      sourceEntityId: link.from,
      targetEntityId: link.to,
      properties: said(link.properties),
      metadata: {
        confidence: isFromText ? 'MEDIUM' : 'HIGH',
        strength: isFromText ? 0.5 : 1,
        extractedAt,
      },
    }));
  }

  unlink(relationshipId: string, stamp: Stamp): void {
    this.#say('UNLINK_ENTITIES', stamp, (extractedAt) => ({
      relationshipId,
      metadata: { extractedAt },
    }));
  }

  #content(entity: EntityFacts) {
    return (extractedAt: string) => ({
      entityId: entity.id,
      entityType: entity.type,
      properties: said(entity.properties),
      source: { system: this.origin.connection.system, ...entity.source },
      metadata: { confidence: 'HIGH', importance: entity.importance ?? 'NORMAL', extractedAt },
    });
  }

  #say(
    messageType: ActorMessage['messageType'],
    stamp: Stamp,
    payloadAt: (extractedAt: string) => object,
  ): void {
    const { connection, deliveryId, sentAt } = this.origin;
    const { tenantId } = connection;
    const when = stamp.isKnown ? stamp.at : deliveryId;
    const messageId = digestOf([tenantId, messageType, payloadAt(when)]);
    if (this.#messages.has(messageId)) return;
    if (this.#messages.size >= limits.deliveryMessagesMax) {
      throw new RuntimeError(
        'MESSAGE_TOO_LARGE',
        `the delivery comes to more than ${limits.deliveryMessagesMax} messages`,
      );
    }
    this.#messages.set(messageId, {
      messageType,
      messageId,
      timestamp: sentAt,
      tenantId,
      payload: payloadAt(stamp.at),
      correlationId: deliveryId,
    } as ActorMessage);
  }
}

function digestOf(parts: readonly unknown[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts));
  return `atlassian:${hash.digest('base64url')}`;
}

function said(properties: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
}
