/** Deliveries for tests: a connection, a body, and what is read out of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ActorMessage, contracts } from '#actors';
import {
  type Connection,
  type Delivery,
  type ReadDelivery,
  readDelivery,
} from '#adapters/atlassian';

export const receivedAt = Date.parse('2026-11-24T18:00:00.000Z');
export const site = 'acme.atlassian.net';

export const jira: Connection = { id: 'jira', system: 'jira', tenantId: 'acme', site };
export const confluence: Connection = {
  id: 'confluence',
  system: 'confluence',
  tenantId: 'acme',
  site,
};

export interface Sent extends Partial<Omit<Delivery, 'body'>> {
  readonly event?: string;
}

/** Reads a body on a connection; every message must pass its contract. */
export function read(connection: Connection, body: unknown, sent: Sent = {}): ReadDelivery {
  const { event, ...delivery } = sent;
  const found = readDelivery(connection, {
    headers: {},
    query: event === undefined ? {} : { event },
    receivedAt,
    ...delivery,
    body: bytes(body),
  });
  for (const message of found.messages) contracts.read(JSON.stringify(message));
  return found;
}

export function bytes(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body));
}

/** A message as `TYPE id`, for comparing what was said at a glance. */
export function gist({ messageType, payload }: ActorMessage): string {
  if (!('relationshipId' in payload)) return `${messageType} ${payload.entityId}`;
  if (!('sourceEntityId' in payload)) return `${messageType} ${payload.relationshipId}`;
  const { sourceEntityId, relationshipType, targetEntityId } = payload;
  return `LINK ${sourceEntityId} ${relationshipType} ${targetEntityId}`;
}

/** The entity message for an id, or a clear failure. */
export function entityIn({ messages }: ReadDelivery, id: string) {
  const found = messages.find(({ payload }) => 'entityId' in payload && payload.entityId === id);
  if (found === undefined || !('source' in found.payload)) throw new Error(`nothing says ${id}`);
  return { messageType: found.messageType, ...found.payload };
}

/** The link or unlink message of a relationship, or a clear failure. */
export function linkIn({ messages }: ReadDelivery, id: string) {
  const found = messages.find(
    ({ payload }) => 'relationshipId' in payload && payload.relationshipId === id,
  );
  if (found === undefined) throw new Error(`nothing says ${id}`);
  return found;
}

const samplesFolder = fileURLToPath(new URL('../../../infra/samples/', import.meta.url));

export interface Sample {
  readonly name: string;
  readonly connection: 'jira' | 'confluence';
  readonly event?: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

export function samples(): readonly Sample[] {
  return readdirSync(samplesFolder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({ name, ...JSON.parse(readFileSync(samplesFolder + name, 'utf8')) }));
}

const fixturesFolder = fileURLToPath(new URL('../../../../shared/fixtures/', import.meta.url));

/** Captured payloads of other projects; not part of this one, and absent from most checkouts. */
export const hasFixtures = existsSync(`${fixturesFolder}MANIFEST.tsv`);

export interface Fixture {
  readonly path: string;
  readonly product: 'jira' | 'confluence';
  /** The event's name as the manifest has it, without remarks. */
  readonly event: string;
  readonly body: Uint8Array;
}

export function fixture(path: string): Uint8Array {
  return readFileSync(fixturesFolder + path);
}

export function webhookFixtures(): readonly Fixture[] {
  if (!hasFixtures) return [];
  const rows = readFileSync(`${fixturesFolder}MANIFEST.tsv`, 'utf8').trim().split('\n').slice(1);
  return rows
    .map((row) => row.split('\t'))
    .filter(([, , , , , , shape]) => shape === 'webhook')
    .map(([path, , , , , product, , kind]) => ({
      path: path!,
      product: product as Fixture['product'],
      event: kind!.split(' ')[0]!,
      body: fixture(path!),
    }));
}
