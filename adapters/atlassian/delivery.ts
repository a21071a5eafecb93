/**
 * One webhook, from bytes to messages. Everything it needs is passed in; the same delivery always gives
 * the same messages.
 *
 *     authenticate ──▶ parse ──▶ name the event ──▶ extract
 *     401               400, 413   400                400, 413
 */
import { createHash } from 'node:crypto';
import type { ActorMessage } from '#actors';
import { confluenceEvents } from './confluence.ts';
import type { Connection } from './connection.ts';
import { localIdAt } from './entity-id.ts';
import { eventOf } from './event-name.ts';
import { jiraEvents } from './jira.ts';
import { type JsonObject, parseBody } from './json.ts';
import { authenticate, type Headers, type Query } from './signature.ts';
import { SiteMemory } from './site.ts';
import { timeOf } from './stamp.ts';
import { Statements } from './statement.ts';

export interface Delivery {
  /** Names in lower case, as Node has them. */
  readonly headers: Headers;
  readonly query: Query;
  /** `page_updated` of `/webhooks/<connection>/page_updated`. */
  readonly eventFromPath?: string | undefined;
  /** A path segment that may be the connection's token. */
  readonly tokenFromPath?: string | undefined;
  /** As it came over the wire: the signature is over these bytes. */
  readonly body: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
}

export interface ReadDelivery {
  /** The event's name, at most 64 characters. */
  readonly event: string;
  /** Unique over all connections; the same over the sender's retries. Messages correlate to it. */
  readonly deliveryId: string;
  /** To be published together; the delivery is durable when all of them are. */
  readonly messages: readonly ActorMessage[];
  /** Nothing in it is kept: accepted, counted and forgotten. */
  readonly ignored: boolean;
  /** Link types that no table knows; they became RELATED_TO, and somebody may want to map them. */
  readonly unknownLinkTypes: readonly string[];
}

/**
 * Reads a delivery. Called once for each POST; `sites` is kept by the caller for the life of the process
 * and matters only to connections without a site.
 *
 * Throws, all terminal: SIGNATURE_INVALID, MESSAGE_TOO_LARGE, MESSAGE_NOT_JSON, and WEBHOOK_INVALID where
 * nothing names the event or a used event lacks what nothing can be said without. Anything else that
 * is missing or of the wrong type is left out.
 */
export function readDelivery(
  connection: Connection,
  delivery: Delivery,
  sites: SiteMemory = new SiteMemory(),
): ReadDelivery {
  authenticate(connection, delivery);
  const body = parseBody(delivery.body);
  const event = eventOf(connection, body, delivery);
  const site = sites.siteOf(connection, body);
  const deliveryId = deliveryIdOf(connection, site, event, delivery);
  const receivedAtMs = delivery.receivedAt;
  const sentAtMs = timeOf(body.timestamp, receivedAtMs) ?? receivedAtMs;
  const sentAt = new Date(sentAtMs).toISOString();
  const say = new Statements({ connection, site, deliveryId, sentAt, receivedAtMs });
  extract(say, event, body);
  return {
    event,
    deliveryId,
    messages: say.messages,
    ignored: say.messages.length === 0,
    unknownLinkTypes: [...say.unknownLinkTypes],
  };
}

function extract(say: Statements, event: string, body: JsonObject): void {
  const events = say.origin.connection.system === 'jira' ? jiraEvents : confluenceEvents;
  events.get(event)?.(say, body);
}

/**
 * Jira gives each delivery an identifier, the same over its retries and unique in its site. Others have
 * none; there the bytes are the identity, with the event, since Confluence sends one body for several.
 */
function deliveryIdOf(
  connection: Connection,
  site: string,
  event: string,
  { headers, body }: Delivery,
): string {
  const identifier = localIdAt(headers, 'x-atlassian-webhook-identifier');
  if (identifier !== undefined) return `${connection.system}:${site}:${identifier}`;
  const hash = createHash('sha256').update(body).update(`\n${event}`).digest('base64url');
  return `${connection.system}:${site}:sha256-${hash}`;
}
