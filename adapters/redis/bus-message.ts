/**
 * A message as an entry of its shard's stream, and back.
 *
 *     id     the producer's message id; absent: the one that the body says
 *     body   the exact bytes that the message came with
 *     traceparent   of the span that sent it; absent where that is not traced
 *
 * An entry that somebody wrote by hand may have neither. Without a body it is no message, and goes to
 * the dead letters with all its fields.
 */
import { isUtf8 } from 'node:buffer';
import { contracts } from '#actors';
import {
  type BusMessage,
  type Ids,
  limits,
  type Routed,
  RuntimeError,
  shardOf,
  streamOf,
  tenantPattern,
  toRuntimeError,
  traceparentIn,
} from '#runtime';
import type { ScriptAnswer, ScriptArgument } from './bus-script.ts';

/** A message on its way into a stream. */
export interface Outgoing {
  readonly bytes: number;
  /** For the publish script: shard, the id that a repeat has too, message id, body, traceparent or ''. */
  readonly args: readonly [
    shard: number,
    once: string,
    messageId: string,
    body: string | Buffer,
    traceparent: string,
  ];
}

/** An entry of a shard's stream, as it was handed to us. */
export interface Entry {
  /** Its id in the stream. */
  readonly id: string;
  /** Those who have had it, us included; from 1. */
  readonly holders: number;
  readonly message: BusMessage;
  readonly bytes: number;
  readonly hasBody: boolean;
}

/**
 * A message to publish. One whose body can't be read has the shard of its id, so that some node reads
 * it and puts it to the dead letters. Throws MESSAGE_TOO_LARGE.
 */
export function outgoing({ messageId, body, traceparent }: BusMessage, ids: Ids): Outgoing {
  const bytes = Buffer.from(body as Uint8Array);
  if (bytes.length > limits.messageBytesMax) {
    const fault = `a body of ${bytes.length} bytes, more than ${limits.messageBytesMax}`;
    throw new RuntimeError('MESSAGE_TOO_LARGE', fault);
  }
  const routed = read(body);
  const shard = shardOf(routed === null ? messageId : streamOf(routed.address), limits.shards);
  const tenantId = routed?.envelope.tenantId ?? null;
  const once = ids.named(`${JSON.stringify([tenantId, messageId])}${bytes.toString('latin1')}`);
  return {
    bytes: bytes.length,
    args: [shard, once, messageId, typeof body === 'string' ? body : bytes, traceparent ?? ''],
  };
}

/** An entry as the take script answers it: id, holders, message id, body, traceparent. */
export function incoming(answer: ScriptAnswer): Entry {
  const [id, holders, messageId, body, trace] = answer as [
    Buffer,
    number,
    Buffer | null,
    Buffer | null,
    Buffer | null,
  ];
  const traceparent = traceparentIn(trace?.toString());
  return {
    id: id.toString(),
    holders,
    message: {
      ...messageOf(id.toString(), messageId, body),
      ...(traceparent !== undefined && { traceparent }),
    },
    bytes: body?.length ?? 0,
    hasBody: body !== null,
  };
}

export function messageOf(entry: string, id: Buffer | null, body: Buffer | null): BusMessage {
  const said = exact(body ?? Buffer.alloc(0));
  const messageId = id?.toString() ?? read(said)?.envelope.messageId ?? `entry-${entry}`;
  return { messageId, body: said };
}

const tenant = new RegExp(tenantPattern);

/** What a body says, even one that its contract refuses; null where it can't be read. */
export function tenantOf({ body }: BusMessage): string | null {
  let tenantId: unknown;
  try {
    tenantId = contracts.read(body).envelope.tenantId;
  } catch (thrown) {
    tenantId = toRuntimeError(thrown).data.tenantId;
  }
  return typeof tenantId === 'string' && tenant.test(tenantId) ? tenantId : null;
}

/** Text where bytes are UTF-8. */
function exact(bytes: Buffer): string | Uint8Array {
  return isUtf8(bytes) ? bytes.toString() : bytes;
}

function read(body: string | Uint8Array): Routed | null {
  try {
    return contracts.read(body);
  } catch {
    return null;
  }
}

/** A script's arguments for several messages, one after the other. */
export function argumentsOf(messages: readonly Outgoing[]): readonly ScriptArgument[] {
  return messages.flatMap(({ args }) => args);
}
