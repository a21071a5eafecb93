/**
 * Bodies that are too large for the broker: they lie in the blobs, and the message carries a claim
 * check, `{"claimCheck":"acme/4f0c…","bytes":4711}`, which the property `claimCheck` repeats.
 *
 * C1: the blob is durable before the message is sent. C2: it is removed only after the message was
 * completed; a dead letter keeps it, and a purge removes both. A blob is named like its message, so a
 * repeat replaces it by the same bytes. Where the topic does not detect duplicates, a message that was
 * sent twice may come again when its blob is gone: a dead letter with BLOB_MISSING, and nothing lost.
 */
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import {
  type BlobName,
  type Blobs,
  type BusMessage,
  isBlobName,
  type Limits,
  RuntimeError,
} from '#runtime';
import { exact, incoming, isOurs, type Outgoing, textOf } from './wire.ts';

export class ClaimChecks {
  readonly #blobs: Blobs;
  readonly #limits: Limits;

  constructor(blobs: Blobs, limits: Limits) {
    this.#blobs = blobs;
    this.#limits = limits;
  }

  /** Whether a message must leave its body in the blobs. */
  isNeeded({ wired }: Outgoing): boolean {
    return wired.body.byteLength > this.#limits.busBodyBytesMax;
  }

  /** The message with a claim check for its body, which is durable then. Throws BLOBS_UNAVAILABLE. */
  async give({ wired, tenantId }: Outgoing): Promise<Outgoing> {
    const claimCheck = `${tenantId ?? '~'}/${wired.messageId}`;
    await this.#blobs.put(claimCheck, wired.body);
    const body = Buffer.from(JSON.stringify({ claimCheck, bytes: wired.body.byteLength }));
    const applicationProperties = { ...wired.applicationProperties, claimCheck };
    return { tenantId, wired: { ...wired, body, applicationProperties } };
  }

  /** The message with the body that its claim check names. Throws BLOBS_UNAVAILABLE, BLOB_MISSING. */
  async redeem(received: ServiceBusReceivedMessage): Promise<BusMessage> {
    const message = incoming(received);
    const name = claimCheckOf(received);
    if (name === null) return message;
    const bytes = await this.#blobs.get(name);
    if (bytes === null) throw new RuntimeError('BLOB_MISSING', `there is no blob ${name}`);
    return { ...message, body: exact(bytes) };
  }

  /** Forgets the body of a message that is done. Throws BLOBS_UNAVAILABLE. */
  async forget(received: ServiceBusReceivedMessage): Promise<void> {
    const name = claimCheckOf(received);
    if (name !== null) await this.#blobs.remove(name);
  }
}

/** The blob that holds a message's body; null where the message has it. Others can give no checks. */
export function claimCheckOf(received: ServiceBusReceivedMessage): BlobName | null {
  const name = isOurs(received) ? textOf(received, 'claimCheck') : null;
  return name !== null && isBlobName(name) ? name : null;
}
