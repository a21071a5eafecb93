/**
 * Reads messages as they come from outside: from bytes to a message whose every field is what its
 * contract says, or an error that names what is wrong.
 *
 * Shapes are checked by the compiled schemas (0.4 µs for a 300-byte command); what no schema can say is
 * checked after them: real dates, depth, and characters that a store downstream could not keep.
 */
import {
  type Address,
  type Contracts,
  isCalendarDay,
  limits,
  type Routed,
  RuntimeError,
} from '#runtime';
import { type Body, type Contract, contractOf, refusal } from './contract.ts';
import { CreateEntity, DeleteEntity, type EntityMessage, UpdateEntity } from './entity/messages.ts';
import {
  LinkEntities,
  type RelationshipMessage,
  SetEndPresence,
  UnlinkEntities,
} from './relationship/messages.ts';

export type ActorMessage = EntityMessage | RelationshipMessage;

/** What others may send. */
export const publicContracts = {
  CREATE_ENTITY: CreateEntity,
  UPDATE_ENTITY: UpdateEntity,
  DELETE_ENTITY: DeleteEntity,
  LINK_ENTITIES: LinkEntities,
  UNLINK_ENTITIES: UnlinkEntities,
} as const;

/** Everything that may be on the bus, each in its versions; none has a second version yet. */
export const contractsByType: ReadonlyMap<string, Contract> = new Map(
  Object.entries({ ...publicContracts, SET_END_PRESENCE: SetEndPresence }).map(
    ([messageType, schema]) => [messageType, contractOf(schema)],
  ),
);

export const contracts: Contracts = {
  read(body) {
    const value = parse(body);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new RuntimeError('MESSAGE_INVALID', 'a message is a JSON object');
    }
    return check(value as Body);
  },
};

/** A parsed message, checked against its contract; as `contracts.read` from there on. */
function check(body: Body): Routed {
  const { messageType } = body;
  const contract = typeof messageType === 'string' ? contractsByType.get(messageType) : undefined;
  if (contract === undefined) {
    throw refusal('MESSAGE_TYPE_UNKNOWN', body, `no contract for ${quote(messageType)}`);
  }
  const message = contract.read(body) as unknown as ActorMessage;
  const fault = dateFault(message) ?? valueFault(message, 0);
  if (fault !== null) throw refusal('MESSAGE_INVALID', body, fault);
  return { envelope: message, address: addressOfMessage(message) };
}

/** The actor that a message is for. */
export function addressOfMessage({ tenantId, payload }: ActorMessage): Address {
  return 'relationshipId' in payload
    ? { tenantId, kind: 'relationship', id: payload.relationshipId }
    : { tenantId, kind: 'entity', id: payload.entityId };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parse(body: string | Uint8Array): unknown {
  if (body.length > limits.messageBytesMax) {
    throw new RuntimeError(
      'MESSAGE_TOO_LARGE',
      `the body has ${body.length} bytes, more than ${limits.messageBytesMax}`,
    );
  }
  try {
    return JSON.parse(typeof body === 'string' ? body : utf8.decode(body));
  } catch (cause) {
    throw new RuntimeError(
      'MESSAGE_NOT_JSON',
      `the body is not JSON: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

/** Dates have the right shape by now; whether they are days of the calendar only a calendar knows. */
function dateFault(message: ActorMessage): string | null {
  if (!isInstant(message.timestamp)) return '/timestamp: is no date of the calendar';
  const extractedAt = 'metadata' in message.payload ? message.payload.metadata.extractedAt : null;
  if (extractedAt !== null && !isInstant(extractedAt)) {
    return '/payload/metadata/extractedAt: is no date of the calendar';
  }
  return null;
}

function isInstant(text: string): boolean {
  return Date.parse(text) >= 0 && isCalendarDay(text);
}

/**
 * What JSON can say and PostgreSQL, a log line or a recursive reader can't keep. The path is put
 * together on the way back from a fault, so that a good message costs no text.
 */
function valueFault(value: unknown, depth: number): string | null {
  if (typeof value === 'string') return textFault(value);
  if (typeof value !== 'object' || value === null) return null;
  if (depth > limits.jsonDepthMax) return `: is nested deeper than ${limits.jsonDepthMax}`;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      const fault = valueFault(value[at], depth + 1);
      if (fault !== null) return `/${at}${fault}`;
    }
    return null;
  }
  const record = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(record)) {
    if (key === '__proto__') return ': has a key __proto__';
    const keyFault = textFault(key);
    if (keyFault !== null) return `, a key${keyFault}`;
    const fault = valueFault(record[key], depth + 1);
    if (fault !== null) return `/${key}${fault}`;
  }
  return null;
}

function textFault(text: string): string | null {
  if (text.includes('\u0000')) return ': contains a NUL character';
  return text.isWellFormed() ? null : ': contains half a surrogate pair';
}

function quote(value: unknown): string {
  return typeof value === 'string' ? `'${value.slice(0, 64)}'` : `a messageType of ${typeof value}`;
}
