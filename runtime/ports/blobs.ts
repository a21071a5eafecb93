/**
 * Bytes by name: where bodies lie that are too large for a bus, while a claim check is under way.
 *
 * One conformance suite (`test/contracts/blobs.ts`) holds every adapter to what is written here.
 */

/** A folder and a name, each of `[A-Za-z0-9_.~-]`, 1 to 64, and no dot first: `acme/4f0c…`. */
export type BlobName = string;

export interface Blobs {
  /**
   * Keeps bytes under a name, whole or not at all, and resolves when they are durable. A repeat
   * replaces. Throws BLOBS_UNAVAILABLE (retry; the outcome is unknown), or INVARIANT_BROKEN for a
   * name that is none (`isBlobName`).
   */
  put(name: BlobName, bytes: Uint8Array): Promise<void>;
  /** The bytes, or null where there are none, or the name is none. Throws BLOBS_UNAVAILABLE (retry). */
  get(name: BlobName): Promise<Uint8Array | null>;
  /** Forgets them; where there are none, nothing happens. Throws BLOBS_UNAVAILABLE (retry). */
  remove(name: BlobName): Promise<void>;
}
